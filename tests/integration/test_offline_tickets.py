"""Tickets that were signed with an upload key, with nothing but this node alive: used, replayed, revoked."""

from __future__ import annotations

import asyncio
import json

import pytest
from msgspec.structs import replace
from node_fixture import SET, NodeProcess, new_region, picture, problem, until
from public_bucket import put_entry
from tus_stage import begun, create, patch

from atoll.access import UploadKey
from atoll.bucket import Bucket
from atoll.ids import named_asset_id, now_ms
from atoll.model import ReplicaSet
from atoll.upload_keys import OfflineTicket, new_nonce, sign_offline, upload_secret

pytestmark = pytest.mark.integration

KIOSK = UploadKey("kiosk", "7" * 64, ("shop",), max_files=3, max_bytes=100_000)
TEAM = UploadKey("team", "8" * 64, ("shop",), prefixes=("team/",))


@pytest.fixture(scope="module")
def node(engines, tmp_path_factory):
    running = NodeProcess(tmp_path_factory.mktemp("node"), engines.urls.nats, new_region(), {}).start()
    for entry in (Bucket("shop", cors=("https://shop.example",)), Bucket("other"), KIOSK, TEAM):
        asyncio.run(put_entry(running, entry))
    until(lambda: running.put(picture(), token(running, TEAM, public_id="team/first")).status == 201)
    until(lambda: running.put(picture(), token(running)).status == 201)
    yield running
    running.end()


def token(at, key=KIOSK, **fields):
    now = now_ms()
    good = {
        "node": at.name,
        "set": SET,
        "bucket": "shop",
        "nonce": new_nonce(),
        "issued_at": now,
        "expires_at": now + 60_000,
    }
    return sign_offline(OfflineTicket(**{**good, **fields}), upload_secret(at.keys, key))


def by(node, asset_id):
    ((body,),) = node.index("SELECT body FROM records WHERE asset_id = ?", asset_id)
    return json.loads(body).get("by")


def test_it_uploads_as_any_ticket_does_and_says_whose_it_is(node):
    stored = node.put(picture(), token(node, public_id="a/b", tags=("x",), session="s1")).json
    assert (stored["public_id"], stored["tags"]) == ("a/b", ["x"])
    assert stored["asset_id"] == named_asset_id("shop", "a/b")
    assert by(node, stored["asset_id"]) == "upload:kiosk/s1"


def test_it_is_for_one_use(node):
    used, body = token(node), picture()
    first = node.put(body, used)
    assert node.put(body, used).json["asset_id"] == first.json["asset_id"]
    problem(node.put(picture(), used), 409, "ticket-replayed")


def test_no_ticket_takes_the_asset_or_the_use_of_another(node):
    """Even with the same nonce and the same millisecond: another key, another limit, another name."""
    now = now_ms()
    same = {"nonce": new_nonce(), "issued_at": now, "expires_at": now + 60_000}
    assets = {
        node.put(picture(), token(node, **same, **more)).json["asset_id"]
        for more in ({}, {"max_bytes": 9999}, {"session": "s1"}, {"files": 2})
    }
    assert len(assets) == 4


def test_it_is_held_to_its_limits_and_its_keys(node):
    body = picture(size=(300, 300))  # of noise: more than 100 KB as PNG
    with node.leaves_nothing():
        problem(node.put(body, token(node, max_bytes=1000)), 413, "too-large")
        problem(node.put(picture("PNG", (300, 300)), token(node, max_bytes=10**9)), 413, "too-large")
        problem(node.put(body, token(node, bucket="other")), 403, "forbidden")
        problem(node.put(body, token(node, files=4)), 403, "forbidden")
        problem(node.put(body, token(node, TEAM)), 403, "forbidden")
        problem(node.put(body, token(node, TEAM, public_id="other/a")), 403, "forbidden")
        problem(node.put(body, token(node, public_id="a", files=2)), 400, "bad-request")
        problem(node.put(body, token(node, public_id="../a")), 400, "bad-name")
        problem(node.put(body, token(node, TEAM, public_id="team/e\u0301")), 400, "bad-name")
        problem(node.put(body, token(node, durability="regions:9")), 400, "bad-request")
        problem(node.put(body, token(node, node="elsewhere")), 421, "wrong-node")
        problem(
            node.put(body, token(node, expires_at=now_ms() - 1, issued_at=now_ms() - 9)),
            401,
            "ticket-expired",
        )


def test_it_begins_a_resumable_upload_and_a_page_may_use_it(node):
    body = picture()
    made = token(node)
    target = begun(node, len(body), made)
    assert patch(node, target, 0, body).headers["Upload-Asset-Id"]
    origin = {"Origin": "https://shop.example"}
    assert create(node, 10, made, **origin).headers["Access-Control-Allow-Origin"] == origin["Origin"]


def test_a_sealed_set_takes_none_for_who_named_it_may_not_have_heard(node):
    asyncio.run(put_entry(node, ReplicaSet(SET, sealed=True)))
    until(lambda: node.put(picture(), token(node)).status == 503)
    asyncio.run(put_entry(node, ReplicaSet(SET)))
    until(lambda: node.put(picture(), token(node)).status == 201)


def test_a_revoked_key_opens_nothing_not_even_with_what_it_signed_before(node):
    early = token(node, TEAM, public_id="team/early")
    asyncio.run(put_entry(node, replace(TEAM, revoked_at=1)))
    until(lambda: node.put(picture(), token(node, TEAM, public_id="team/late")).status == 401)
    problem(node.put(picture(), early), 401, "ticket-invalid")
