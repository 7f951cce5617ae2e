"""Blobs that are not here: pulled through from peers, once however many ask, kept or passed on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from read_cluster import (
    PRIVATE,
    PUBLIC,
    ReadCluster,
    flip,
    path_of,
    read_cluster,
    record_of,
    until,
)

from atoll.errors import Conflict, NoSpace, UpstreamFailed
from atoll.model import Node, ReplicaSet
from atoll.node_api import DeleteOrder, PullOrder
from storage_node.store import Space

pytestmark = pytest.mark.integration

SMALL, MIDDLE, LARGE = 8_000, 300_000, 3_000_000


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path) as running:
        yield running


@pytest.mark.parametrize("size", [1, SMALL, 256 * 1024, MIDDLE, LARGE])
async def test_a_blob_of_our_set_is_pulled_through_kept_and_announced(
    cluster: ReadCluster, size: int
) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(size)
    record = there.hold(body)
    answer = await cluster.get(here, path_of(record))
    assert (answer.status, answer.body) == (200, body)
    assert here.holds(record)
    assert here.index.asset(record.asset_id).records == (record,)
    assert here.events("blob.replicated") == 1
    assert list(here.store._incoming.iterdir()) == []
    asked = len(there.asked)
    assert (await cluster.get(here, path_of(record))).body == body
    assert len(there.asked) == asked
    assert here.side.counts.peer.requests == 1


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_fifty_readers_of_a_missing_blob_make_one_pull(cluster: ReadCluster, size: int) -> None:
    here, there, third = cluster.nodes
    body = os.urandom(size)
    record = there.hold(body)
    answers = await asyncio.gather(*(cluster.get(here, path_of(record)) for _ in range(50)))
    assert all(answer.body == body for answer in answers)
    assert there.asked_for("/blobs/") + third.asked_for("/blobs/") == 1
    assert there.asked_for("/records/") + third.asked_for("/records/") <= 2
    assert here.side.counts.pulls_stored == 1


@pytest.mark.parametrize("range_header", ["bytes=10-19", "bytes=-10"])
async def test_a_range_of_a_missing_blob_is_right_too(cluster: ReadCluster, range_header: str) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(LARGE)
    answer = await cluster.get(here, path_of(there.hold(body)), Range=range_header)
    assert answer.status == 206
    assert answer.body == (body[10:20] if range_header == "bytes=10-19" else body[-10:])


async def test_an_unknown_hash_is_not_found_and_a_storm_of_it_spares_the_peers(cluster: ReadCluster) -> None:
    here, there, third = cluster.nodes
    path = path_of(record_of(os.urandom(SMALL)))
    answers = await asyncio.gather(*(cluster.get(here, path) for _ in range(50)))
    assert {answer.status for answer in answers} == {404}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert (await cluster.get(here, path)).status == 404
    assert there.asked_for("/blobs/") == third.asked_for("/blobs/") == 1


async def test_an_upload_elsewhere_ends_a_miss(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = record_of(body)
    assert (await cluster.get(here, path_of(record))).status == 404
    there.hold(body, record)

    async def served() -> bool:
        return (await cluster.get(here, path_of(record))).body == body

    async with asyncio.timeout(20):
        while not await served():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.05)


async def test_a_peer_that_is_down_is_passed_over(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = there.hold(body)
    cluster.change(Node("node-9", "eu", "s1", "http://127.0.0.1:9"))
    assert (await cluster.get(here, path_of(record))).body == body


async def test_when_a_peer_that_may_have_it_is_down_the_answer_is_not_a_404(cluster: ReadCluster) -> None:
    here = cluster.nodes[0]
    cluster.change(Node("node-9", "eu", "s1", "http://127.0.0.1:9"))
    answer = await cluster.get(here, path_of(record_of(b"never stored")))
    assert answer.status == 502


async def test_a_removed_node_is_not_asked(cluster: ReadCluster) -> None:
    here, there, third = cluster.nodes
    record = there.hold(os.urandom(SMALL))
    cluster.change(Node(there.name, there.origin.region, "s1", there.url, state="removed"))
    assert (await cluster.get(here, path_of(record))).status == 404
    assert there.asked == []
    assert third.asked != []


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_peer_with_a_bad_copy_is_passed_over_and_mends_itself(
    cluster: ReadCluster, size: int
) -> None:
    here, near, far = cluster.nodes
    body = os.urandom(size)
    record = near.hold(body)
    far.hold(body, record)
    flip(near.file(record), size // 2)
    answer = await cluster.get(here, path_of(record))
    assert (answer.status, answer.body) == (200, body)
    assert here.holds(record)
    await until(lambda: near.holds(record), "the peer did not mend its copy")
    assert near.side.counts.quarantined == 1


async def test_a_blob_without_any_record_is_served_and_not_kept(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = there.hold(body)
    there.index.write(lambda db: db.execute("DELETE FROM records") and None).result(20)
    assert (await cluster.get(here, path_of(record))).body == body
    assert here.index.blob(PUBLIC, record.blob.sha256) is None
    assert not here.file(record).exists()


async def test_a_node_that_cannot_read_its_records_serves_what_a_peer_has_and_says_of_nothing_that_it_is_gone(
    cluster: ReadCluster,
) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = there.hold(body)
    unknown = path_of(record_of(os.urandom(SMALL)))
    here.index.write(lambda db: db.execute("ALTER TABLE records RENAME TO mislaid") and None).result(20)
    assert (await cluster.get(here, path_of(record))).body == body
    assert not here.holds(record)
    assert (await cluster.get(here, unknown)).status == 503
    here.index.write(lambda db: db.execute("ALTER TABLE mislaid RENAME TO records") and None).result(20)
    assert (await cluster.get(here, unknown)).status == 404


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_full_node_serves_without_keeping(cluster: ReadCluster, size: int) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(size)
    record = there.hold(body)
    here.space._reserve = 1000
    here.space.measured(Space(10_000, 500, 0), 0)
    answers = await asyncio.gather(*(cluster.get(here, path_of(record)) for _ in range(5)))
    assert all(answer.body == body for answer in answers)
    assert not here.holds(record)
    await until(lambda: list(here.store._incoming.iterdir()) == [], "a staged file was left")
    with pytest.raises(NoSpace):
        await here.side.orders.execute(PullOrder(record, (there.name,)))


async def test_what_was_deleted_here_is_not_fetched_back_from_a_slower_peer(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    record = there.hold(os.urandom(SMALL))
    await here.side.deletes.order(DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1"))
    assert (await cluster.get(here, path_of(record))).status == 404
    assert here.index.blob(PUBLIC, record.blob.sha256) is None


# --- blobs of other sets


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_blob_of_another_set_is_passed_on_verified_and_not_kept(tmp_path: Path, size: int) -> None:
    async with read_cluster(tmp_path, ("s1", "s2", "s2")) as cluster:
        here, there, third = cluster.nodes
        body = os.urandom(size)
        record = there.hold(body)
        answers = await asyncio.gather(*(cluster.get(here, path_of(record)) for _ in range(20)))
        assert all(answer.body == body for answer in answers)
        assert there.asked_for("/blobs/") + third.asked_for("/blobs/") <= (1 if size == SMALL else 20)
        part = await cluster.get(here, path_of(record), Range="bytes=100-199")
        assert (part.status, part.body) == (206, body[100:200])
        assert here.index.blob(PUBLIC, record.blob.sha256) is None
        await until(lambda: list(here.store._incoming.iterdir()) == [], "a staged file was left")
        assert (path_of(record) in here.side.ram.entries) == (size == SMALL)


async def test_a_private_blob_of_another_set_needs_its_signature_here_too(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s2")) as cluster:
        here, there = cluster.nodes
        record = there.hold(os.urandom(SMALL), bucket=PRIVATE)
        assert (await cluster.get(here, path_of(record))).status == 401
        assert there.asked == []


async def test_a_set_without_nodes_has_nothing(cluster: ReadCluster) -> None:
    cluster.change(ReplicaSet("s9"))
    answer = await cluster.get(cluster.nodes[0], path_of(record_of(b"x", set_name="s9")))
    assert answer.status == 404


# --- pull orders


@pytest.mark.parametrize("size", [1, SMALL, MIDDLE, LARGE])
async def test_an_order_stores_the_blob_once_and_then_says_present(cluster: ReadCluster, size: int) -> None:
    here, there, _ = cluster.nodes
    record = there.hold(os.urandom(size))
    order = PullOrder(record, (there.name,))
    result = await here.side.orders.execute(order)
    assert (result.status, result.source) == ("stored", there.name)
    assert here.holds(record)
    again = await here.side.orders.execute(order)
    assert again.status == "present"
    assert there.asked_for("/blobs/") == 1


async def test_orders_readers_and_another_asset_share_one_pull(cluster: ReadCluster) -> None:
    here, there, third = cluster.nodes
    body = os.urandom(LARGE)
    record = there.hold(body)
    other = msgspec.structs.replace(record, asset_id="9" * 26, public_id="9" * 26)
    orders = [PullOrder(record, (there.name,)), PullOrder(other, (there.name,))] * 5
    results = await asyncio.gather(
        *(here.side.orders.execute(order) for order in orders),
        *(cluster.get(here, path_of(record)) for _ in range(5)),
    )
    assert {getattr(result, "status", None) for result in results} <= {"stored", "present", 200}
    assert there.asked_for("/blobs/") + third.asked_for("/blobs/") == 1
    for asset in (record, other):
        assert here.index.asset(asset.asset_id).records == (asset,)


async def test_an_order_goes_on_to_the_next_source(cluster: ReadCluster) -> None:
    here, there, third = cluster.nodes
    record = there.hold(os.urandom(SMALL))
    result = await here.side.orders.execute(PullOrder(record, ("nobody", third.name, there.name)))
    assert (result.status, result.source) == ("stored", there.name)
    assert third.asked_for("/blobs/") == 1


async def test_an_order_that_no_source_can_fill_says_who_failed(cluster: ReadCluster) -> None:
    here, there, third = cluster.nodes
    with pytest.raises(UpstreamFailed):
        await here.side.orders.execute(PullOrder(record_of(b"nothing"), (there.name, third.name)))


async def test_a_source_that_sends_other_bytes_or_sizes_is_refused(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = there.hold(body)
    for size in (SMALL - 1, SMALL + 1):
        lying = msgspec.structs.replace(record, blob=msgspec.structs.replace(record.blob, size=size))
        with pytest.raises(UpstreamFailed):
            await here.side.orders.execute(PullOrder(lying, (there.name,)))
    assert here.index.blob(PUBLIC, record.blob.sha256) is None
    assert list(here.store._incoming.iterdir()) == []


async def test_an_order_for_a_deleted_asset_pulls_nothing(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    record = there.hold(os.urandom(SMALL))
    await here.side.deletes.order(DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1"))
    result = await here.side.orders.execute(PullOrder(record, (there.name,)))
    assert result.status == "deleted"
    assert there.asked == []


async def test_an_order_for_a_copy_whose_file_is_gone_or_cut_pulls_it_again(cluster: ReadCluster) -> None:
    here, there, _ = cluster.nodes
    body = os.urandom(SMALL)
    record = there.hold(body)
    for damage in ("gone", "cut"):
        here.hold(body, record)
        path = here.file(record)
        path.unlink()
        if damage == "cut":
            path.write_bytes(body[:100])
        result = await here.side.orders.execute(PullOrder(record, (there.name,)))
        assert result.status in {"stored", "present"}
        assert here.holds(record)


async def test_an_order_of_another_set_is_refused(cluster: ReadCluster) -> None:
    with pytest.raises(Conflict):
        await cluster.nodes[0].side.orders.execute(PullOrder(record_of(b"x", set_name="s2"), ("node-1",)))


async def test_more_pulls_than_allowed_wait_their_turn(tmp_path: Path) -> None:
    async with read_cluster(tmp_path, ("s1", "s1"), max_pulls=2) as cluster:
        here, there = cluster.nodes
        records = [there.hold(os.urandom(SMALL)) for _ in range(20)]
        orders = [here.side.orders.execute(PullOrder(record, (there.name,))) for record in records]
        assert {result.status for result in await asyncio.gather(*orders)} == {"stored"}
        assert all(here.holds(record) for record in records)
