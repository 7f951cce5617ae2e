"""The lag benchmark: what is lost is found, and time is counted to the last region."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from index_maker import HandOrigin, opened
from index_maker import upload as index_upload
from record_maker import a_record

from atoll.node_api import AssetState
from atoll.signing import Keys
from benchmarks.ask import Answer
from benchmarks.held import Node, Wanted, unknown_to, unknown_to_index, wrong_on_disk
from benchmarks.lag import lags_of
from benchmarks.open_loop import at_rate
from benchmarks.receipts import Receipt
from benchmarks.uploader import Upload

KEYS = Keys(b"k" * 32)


def upload(sha256="a" * 64):
    return Upload("asset", sha256, "one", asked_at=9.9, sent_at=10.0, done_at=10.1)


def test_the_lag_is_that_of_the_last_of_the_other_regions():
    receipts = {"a" * 64: {"two": Receipt(10.15, 10.2), "three": Receipt(10.4, 10.5)}}
    (lag,) = lags_of([upload()], receipts)
    assert lag.since_201 == pytest.approx(300)
    assert lag.since_request == pytest.approx(400)
    assert lag.heard == pytest.approx(400)


@pytest.mark.parametrize(
    "receipts",
    [
        {},
        {"two": Receipt(10.2, 10.2)},
        {"two": Receipt(10.2, 10.2), "one": Receipt(10.2, 10.2)},
    ],
)
def test_an_upload_without_every_other_regions_receipt_has_no_lag_and_so_is_lost(receipts):
    assert lags_of([upload()], {"a" * 64: receipts}) == []


@pytest.fixture
def node(tmp_path):
    return Node("one", 1, tmp_path)


def put_file(node, body, name=None):
    sha256 = name or hashlib.sha256(body).hexdigest()
    directory = node.data / "blobs" / "images" / sha256[:2] / sha256[2:4]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{sha256}.jpg").write_bytes(body)
    return sha256


def test_a_file_that_is_there_and_right_is_not_missing(node):
    assert wrong_on_disk(node, [put_file(node, b"bytes")]) == []


def test_a_file_that_is_not_there_or_has_other_bytes_is_missing(node):
    bad = put_file(node, b"flipped", name="b" * 64)
    found = wrong_on_disk(node, ["c" * 64, put_file(node, b"bytes"), bad])
    assert [each.sha256 for each in found] == ["c" * 64, bad]


def test_what_has_no_row_in_the_index_is_missing(node, tmp_path):
    with opened(tmp_path, "node-1") as index:
        record = index_upload(index, HandOrigin().origin, b"bytes")
    held = Wanted(record.asset_id, record.blob.sha256)
    wanted = [held, Wanted("another", held.sha256), Wanted(held.asset_id, "d" * 64)]
    found = unknown_to_index(node, wanted, "photos")
    assert [each.what.split()[-1] for each in found] == ["another", "one", held.asset_id]


class Asked:
    """A node's internal API: a blob it knows, an asset it has a record of."""

    def __init__(self, blob, record):
        self.blob, self.record = blob, record

    async def ask(self, _port, parts):
        path = parts[0].split(b" ")[1].decode()
        if "/locations/" in path:
            return Answer(200 if path.endswith(self.blob) else 404, b"{}")
        return Answer(200, msgspec.json.encode(AssetState((self.record,) if self.record else (), None)))


async def test_an_index_without_blob_or_record_is_found(node):
    record = a_record()
    wanted = Wanted(record.asset_id, record.blob.sha256)
    assert await unknown_to(node, [wanted], Asked(wanted.sha256, record), KEYS) == []
    (no_blob,) = await unknown_to(node, [wanted], Asked("f" * 64, record), KEYS)
    (no_record,) = await unknown_to(node, [wanted], Asked(wanted.sha256, None), KEYS)
    assert "does not know blob" in no_blob.what
    assert "has no record" in no_record.what
    other = Wanted(record.asset_id, "e" * 64)
    (other_bytes,) = await unknown_to(node, [other], Asked(other.sha256, record), KEYS)
    assert "has no record" in other_bytes.what


async def test_what_is_refused_is_told_and_stops_nothing():
    async def send(number):
        if number == 3:
            raise RuntimeError("503")
        return number

    sent = await at_rate(range(6), 1000.0, send)
    assert sent.answers == [0, 1, 2, 4, 5]
    assert len(sent.failures) == 1
    assert len(sent.late) == 6
