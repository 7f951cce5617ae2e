"""What an upload may be: the narrowest of what node, bucket and ticket say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.ids import derived_id, new_id
from atoll.model import Blob, Picture
from atoll.settings import Bytes
from atoll.signing import Ticket
from storage_node.commits import UploadCommit
from storage_node.settings import NodeSettings
from storage_node.upload_policy import max_bytes, upload_of

SETTINGS = NodeSettings(
    name="n",
    region="r",
    set="s",
    listen_port=1,
    cluster_secret_file=Path("x"),
    state_dir=Path("x"),
    nats_url="nats://x",
    public_url="http://x",
    data_dir=Path("x"),
    max_upload_bytes=Bytes(1000),
    max_pixels=2000,
)


def ticket(**fields):
    good = {
        "ticket_id": new_id(),
        "node": "n",
        "set": "s",
        "bucket": "pictures",
        "asset_id": new_id(),
        "expires_at": 0,
        "max_bytes": 10**9,
    }
    return Ticket(**{**good, **fields})


def cluster(**policy):
    return ClusterMap.of([Bucket("pictures", **policy)])


def upload(given=None, policy=None, filename=None, content_type=None, file=0):
    return upload_of(given or ticket(), file, filename, content_type, SETTINGS, policy or ClusterMap())


@pytest.mark.parametrize(
    ("of_ticket", "of_bucket", "expected"),
    [(10**9, None, 1000), (500, None, 500), (500, 400, 400), (300, 400, 300), (10**9, 10**9, 1000)],
)
def test_the_narrowest_size_counts(of_ticket, of_bucket, expected):
    assert max_bytes(ticket(max_bytes=of_ticket), SETTINGS, cluster(max_bytes=of_bucket)) == expected


@pytest.mark.parametrize(
    ("of_ticket", "of_bucket", "expected"),
    [(None, None, 2000), (1500, None, 1500), (1500, 1000, 1000), (10**9, None, 2000)],
)
def test_the_narrowest_number_of_pixels_counts(of_ticket, of_bucket, expected):
    limits = upload(ticket(max_pixels=of_ticket), cluster(max_pixels=of_bucket)).limits
    assert (limits.max_pixels, limits.max_frame_pixels_sum) == (expected, expected)


def test_without_a_policy_all_types_are_allowed():
    assert upload().allowed == ("jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp")


def test_types_must_be_allowed_by_ticket_and_bucket():
    given, policy = ticket(allowed=("png", "jpg")), cluster(allowed=("gif", "png"))
    assert upload(given, policy).allowed == ("png",)


def test_types_that_ticket_and_bucket_do_not_share_leave_none():
    assert upload(ticket(allowed=("jpg",)), cluster(allowed=("gif",))).allowed == ()


def test_what_the_sender_claims_is_kept_as_two_claims():
    claims = upload(filename="a.PNG", content_type="image/jpeg; x=y").claims
    assert claims == (frozenset({"jpg"}), frozenset({"png"}))
    assert upload(filename="a", content_type="application/octet-stream").claims == (None, None)


def test_each_file_of_a_ticket_is_an_asset_of_its_own():
    given = ticket()
    blob = Blob(given.bucket, "a" * 64, "jpg", 1, Picture(1, 1))
    ids = [UploadCommit(given, n, blob, b"", None).asset_id for n in range(3)]
    assert ids[0] == given.asset_id
    assert ids == [derived_id(given.asset_id, n) for n in range(3)]
    assert len(set(ids)) == 3


def test_the_nodes_limits_of_parts_and_scans_hold_for_uploads():
    limits = upload_of(
        ticket(), 0, None, None, dataclasses.replace(SETTINGS, max_parts=1000, max_scans=7), ClusterMap()
    ).limits
    assert (limits.max_parts, limits.max_scans) == (1000, 7)
