"""The internal API: closed to everybody else, and each call as the contract says."""

from __future__ import annotations

import io
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace
from read_cluster import KEYS, PRIVATE, PUBLIC, ReadCluster, ReadNode, path_of, read_cluster, record_of

from atoll.errors import BadName, BadRequest, Conflict, NotFound, RangeNotSatisfiable, UpstreamFailed
from atoll.ids import new_id, now_ms
from atoll.model import AssetRecord, Location, Node, Tombstone
from atoll.node_api import (
    MAX_PULLS_TOGETHER,
    AssetState,
    DeleteOrder,
    DeleteResult,
    PullAnswer,
    PullOrder,
    PullResult,
    WantedItem,
    WantedOrder,
)
from atoll.signing import Keys, internal_token
from storage_node.index_ops import want

pytestmark = pytest.mark.integration

SHA = "0123456789abcdef" * 4
ENDPOINTS = [
    ("POST", "/internal/v1/pull"),
    ("POST", "/internal/v1/pulls"),
    ("POST", "/internal/v1/deletes"),
    ("POST", "/internal/v1/tombstones"),
    ("GET", f"/internal/v1/blobs/{PUBLIC}/{SHA}.png"),
    ("HEAD", f"/internal/v1/blobs/{PUBLIC}/{SHA}.png"),
    ("POST", "/internal/v1/blobs/together"),
    ("GET", f"/internal/v1/assets/{'0' * 26}"),
    ("GET", f"/internal/v1/locations/{PUBLIC}/{SHA}"),
    ("GET", f"/internal/v1/records/{PUBLIC}/{SHA}"),
    ("GET", "/internal/v1/wanted?due_before=1&limit=10"),
    ("POST", "/internal/v1/wanted"),
]


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


@pytest.fixture
def node(cluster: ReadCluster) -> ReadNode:
    return cluster.nodes[0]


@pytest.fixture
def as_peer(cluster: ReadCluster, node: ReadNode) -> Any:
    """Call the node as a daemon does: `await as_peer(method, path, type, body=…)`."""
    entry = Node(node.name, node.origin.region, "s1", node.url)

    async def call(method: str, path: str, kind: Any, **options: Any) -> Any:
        return await cluster.nodes[1].client.call(entry, method, path, kind, **options)

    return call


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_every_path_is_closed_without_the_right_token(
    cluster: ReadCluster, node: ReadNode, method: str, path: str
) -> None:
    other_keys, now = Keys(b"another secret, also of 32 bytes or more"), now_ms()
    good = internal_token("node-1", node.name, method, path, KEYS, now)
    wrong = {
        "none": "",
        "no token": "Atoll ",
        "garbage": "Atoll a.b",
        "another scheme": f"Bearer {good}",
        "another secret": f"Atoll {internal_token('node-1', node.name, method, path, other_keys, now)}",
        "another node": f"Atoll {internal_token('node-1', 'node-1', method, path, KEYS, now)}",
        "another path": f"Atoll {internal_token('node-1', node.name, method, path + 'x', KEYS, now)}",
        "another method": f"Atoll {internal_token('node-1', node.name, 'PUT', path, KEYS, now)}",
        "old": f"Atoll {internal_token('node-1', node.name, method, path, KEYS, now - 120_000)}",
        "from the future": f"Atoll {internal_token('node-1', node.name, method, path, KEYS, now + 10**7)}",
        "altered": f"Atoll {good[:-2]}{'AA' if good[-2:] != 'AA' else 'BB'}",
    }
    for what, header in wrong.items():
        headers = {"Authorization": header} if header else {}
        answer = await cluster.get(node, path, method, **headers)
        assert answer.status == 401, what
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_token_that_was_overheard_opens_no_order_but_its_own(
    cluster: ReadCluster, node: ReadNode
) -> None:
    """Somebody between two daemons hears a delete, and sends another under its token."""
    path = "/internal/v1/deletes"
    first, second = (node.hold(os.urandom(100)) for _ in range(2))

    def order(record: AssetRecord) -> bytes:
        asset = DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1", trash_seconds=0)
        return msgspec.json.encode(asset)

    token = internal_token("query-1", node.name, "POST", path, KEYS, now_ms(), order(first))
    headers = {"Authorization": f"Atoll {token}"}
    for sent in (order(second), order(first) + b" ", b"", b"{" * 2**21):
        async with cluster.session.post(node.url + path, data=io.BytesIO(sent), headers=headers) as answer:
            assert answer.status == (413 if len(sent) > 2**20 else 401), await answer.text()
    async with cluster.session.post(node.url + path, data=order(first), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    assert (await cluster.get(node, path_of(first))).status == 404
    assert (await cluster.get(node, path_of(second))).status == 200


@pytest.mark.parametrize("size", [8_000, 3_000_000])
async def test_a_peer_gets_the_bytes_that_are_here_ranges_too(
    cluster: ReadCluster, node: ReadNode, size: int
) -> None:
    body = os.urandom(size)
    for bucket in (PUBLIC, PRIVATE):
        record = node.hold(body, bucket=bucket)
        path = f"/internal/v1/blobs/{bucket}/{record.blob.sha256}.png"
        entry, client = Node(node.name, node.origin.region, "s1", node.url), cluster.nodes[1].client
        for start, end in ((0, 1), (size // 2, size), (5, 6)):
            async with client.open(
                entry, "GET", path, headers={"Range": f"bytes={start}-{end - 1}"}
            ) as response:
                assert response.status == 206
                assert await response.read() == body[start:end]
        async with client.open(entry, "HEAD", path) as response:
            assert response.content_length == size
        async with client.open(entry, "GET", path) as response:
            assert await response.read() == body
        with pytest.raises(RangeNotSatisfiable):
            async with client.open(entry, "GET", path, headers={"Range": f"bytes={size}-"}):
                pass


async def test_a_peer_s_request_is_never_pulled_through(
    cluster: ReadCluster, node: ReadNode, as_peer: Any
) -> None:
    record = cluster.nodes[1].hold(os.urandom(100))
    with pytest.raises(NotFound):
        await as_peer("GET", f"/internal/v1/blobs/{PUBLIC}/{record.blob.sha256}.png", bytes)
    assert cluster.nodes[1].asked == []
    assert node.index.blob(PUBLIC, record.blob.sha256) is None


async def test_what_peers_read_does_not_fill_the_memory(cluster: ReadCluster, node: ReadNode) -> None:
    record = node.hold(os.urandom(100))
    await cluster.get(cluster.nodes[1], path_of(record))
    assert cluster.nodes[1].holds(record)
    assert node.side.ram.entries == {}


async def test_an_order_over_the_wire_is_answered_once_it_is_durable(
    cluster: ReadCluster, node: ReadNode, as_peer: Any
) -> None:
    record = cluster.nodes[1].hold(os.urandom(100))
    order = PullOrder(record, ("node-1",))
    assert await as_peer("POST", "/internal/v1/pull", PullResult, body=order) == PullResult(
        "stored", "node-1"
    )
    assert node.holds(record)
    with pytest.raises(UpstreamFailed):
        await as_peer("POST", "/internal/v1/pull", PullResult, body=PullOrder(record_of(b"x"), ("node-1",)))
    other = PullOrder(record_of(b"x", set_name="s2"), ("node-1",))
    with pytest.raises(Conflict):
        await as_peer("POST", "/internal/v1/pull", PullResult, body=other)


async def test_several_orders_in_one_request_are_answered_one_by_one(
    cluster: ReadCluster, node: ReadNode, as_peer: Any
) -> None:
    records = [cluster.nodes[1].hold(os.urandom(100)) for _ in range(3)]
    nowhere, elsewhere = record_of(b"x"), record_of(b"x", set_name="s2")
    orders = [PullOrder(record, ("node-1",)) for record in (*records, nowhere, elsewhere)]
    answers = await as_peer("POST", "/internal/v1/pulls", list[PullAnswer], body=orders)
    assert [answer.result for answer in answers[:3]] == [PullResult("stored", "node-1")] * 3
    assert all(node.holds(record) for record in records)
    assert [answer.problem["status"] for answer in answers[3:]] == [502, 409]
    too_many = orders * (MAX_PULLS_TOGETHER // len(orders) + 1)
    with pytest.raises(BadRequest):
        await as_peer("POST", "/internal/v1/pulls", list[PullAnswer], body=too_many)


@pytest.mark.parametrize("path", ["pull", "deletes", "tombstones", "wanted", "blobs/together"])
@pytest.mark.parametrize("body", [{}, [], "x", {"asset": 1}, {"asset_id": "short"}])
async def test_a_body_that_is_not_the_contract_s_is_a_bad_request(as_peer: Any, path: str, body: Any) -> None:
    with pytest.raises(BadRequest):
        await as_peer("POST", f"/internal/v1/{path}", dict, body=body)


async def test_a_delete_over_the_wire_gives_its_tombstone_and_a_repeat_the_same(
    node: ReadNode, as_peer: Any
) -> None:
    record = node.hold(os.urandom(100))
    order = DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1")
    first = await as_peer("POST", "/internal/v1/deletes", DeleteResult, body=order)
    assert (first.node, first.tombstone.asset_id) == (node.name, record.asset_id)
    assert await as_peer("POST", "/internal/v1/deletes", DeleteResult, body=order) == replace(
        first, earlier=True
    )
    assert not node.file(record).exists()
    state = await as_peer("GET", f"/internal/v1/assets/{record.asset_id}", AssetState)
    assert state == AssetState((), first.tombstone)


async def test_a_tombstone_over_the_wire_is_applied_once(node: ReadNode, as_peer: Any) -> None:
    record = node.hold(os.urandom(100))
    stone = Tombstone(record.asset_id, PUBLIC, record.public_id, "s1", new_id(now_ms() + 1000), now_ms())
    assert await as_peer("POST", "/internal/v1/tombstones", dict, body=stone) == {"applied": True}
    assert await as_peer("POST", "/internal/v1/tombstones", dict, body=stone) == {"applied": False}
    assert not node.file(record).exists()
    other = msgspec.structs.replace(stone, set="s2")
    with pytest.raises(Conflict):
        await as_peer("POST", "/internal/v1/tombstones", dict, body=other)


async def test_assets_locations_and_records_tell_what_is_here(node: ReadNode, as_peer: Any) -> None:
    record = node.hold(os.urandom(100))
    name = f"{PUBLIC}/{record.blob.sha256}"
    assert await as_peer("GET", f"/internal/v1/assets/{record.asset_id}", AssetState) == AssetState((record,))
    assert await as_peer("GET", f"/internal/v1/records/{name}", AssetRecord) == record
    location = await as_peer("GET", f"/internal/v1/locations/{name}", Location)
    assert (location.node, location.region) == (node.name, "eu")
    assert 0 < location.fsynced_at <= now_ms()
    unknown = new_id()
    assert await as_peer("GET", f"/internal/v1/assets/{unknown}", AssetState) == AssetState(())
    for what in ("locations", "records"):
        with pytest.raises(NotFound):
            await as_peer("GET", f"/internal/v1/{what}/{PUBLIC}/{SHA}", dict)
        with pytest.raises(BadName):
            await as_peer("GET", f"/internal/v1/{what}/{PUBLIC}/{SHA[1:]}", dict)
    with pytest.raises(BadName):
        await as_peer("GET", "/internal/v1/assets/UPPER", AssetState)


async def test_wanted_blobs_are_remembered_listed_when_due_and_forgotten_when_pulled(
    cluster: ReadCluster, node: ReadNode, as_peer: Any
) -> None:
    record = cluster.nodes[1].hold(os.urandom(100))
    for tries in (1, 2):
        order = WantedOrder(record, "nobody answers")
        assert await as_peer("POST", "/internal/v1/wanted", dict, body=order) == {}
        path = f"/internal/v1/wanted?due_before={now_ms() + 10**7}&limit=10"
        (item,) = await as_peer("GET", path, list[WantedItem])
        assert (item.asset, item.tries, item.reason) == (record, tries, "nobody answers")
        assert item.due_at > item.since
    assert await as_peer("GET", f"/internal/v1/wanted?due_before={now_ms()}", list[WantedItem]) == []
    await as_peer("POST", "/internal/v1/pull", PullResult, body=PullOrder(record, ("node-1",)))
    assert await as_peer("GET", path, list[WantedItem]) == []


async def test_the_list_of_wanted_blobs_is_bounded(node: ReadNode, as_peer: Any) -> None:
    for number in range(5):
        record = record_of(b"%d" % number)
        node.index.write(want(record, "missing", now_ms() - 10**7, random.Random(1))).result(20)
    due = f"/internal/v1/wanted?due_before={now_ms()}&limit="
    assert len(await as_peer("GET", f"{due}3", list[WantedItem])) == 3
    for bad in ("0", "1001", "x", ""):
        with pytest.raises(BadRequest):
            await as_peer("GET", due + bad, list[WantedItem])
