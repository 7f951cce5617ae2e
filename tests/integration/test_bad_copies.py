"""Bits flip on the disk: no client ever sees it, the copy is moved away, and a good one takes its place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from read_cluster import PUBLIC, ReadCluster, ReadNode, flip, path_of, read_cluster, until

from atoll.bucket import Bucket
from atoll.errors import NotFound
from atoll.model import AssetRecord, Node
from atoll.node_api import DeleteOrder
from storage_node.chunks import CHUNK_BYTES
from storage_node.index_repairs import reverified
from storage_node.peers import blob_request
from storage_node.pull import address_of
from storage_node.verified_read import BadCopy

pytestmark = pytest.mark.integration

SIZES = {"one chunk": 8_000, "a few chunks": 600_000, "many chunks": 3_000_000}


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


async def mended(node: ReadNode, record: AssetRecord) -> None:
    await until(lambda: node.holds(record), "the copy was not replaced")
    assert node.side.counts.quarantined == 1
    assert len(list(node.store._quarantine.iterdir())) <= 1
    counts = node.index.counts()
    assert (counts.wanted, counts.quarantined) == (0, 1)
    assert node.events("blob.deleted") == 1


DAMAGES: dict[str, Callable[[Path, int], None]] = {
    "first byte": lambda path, size: flip(path, 0),
    "middle": lambda path, size: flip(path, size // 2),
    "last byte": lambda path, size: flip(path, size - 1),
    "cut short": lambda path, size: os.truncate(path, size - 1),
    "cut to nothing": lambda path, size: os.truncate(path, 0),
    "gone": lambda path, size: path.unlink(),
}


def damage(path: Path, how: str, size: int) -> None:
    path.chmod(0o644)
    DAMAGES[how](path, size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", DAMAGES)
async def test_a_reader_of_a_bad_copy_gets_the_right_bytes_and_the_copy_is_replaced(
    cluster: ReadCluster, size: int, how: str
) -> None:
    here, there = cluster.nodes
    body = os.urandom(size)
    record = here.hold(body)
    there.hold(body, record)
    damage(here.file(record), how, size)
    answer = await cluster.get(here, path_of(record))
    assert (answer.status, answer.body) == (200, body)
    await mended(here, record)
    assert (await cluster.get(here, path_of(record))).body == body


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_range_over_the_bad_place_gives_the_right_bytes(cluster: ReadCluster, size: int) -> None:
    here, there = cluster.nodes
    body, place = os.urandom(size), size * 2 // 3
    record = here.hold(body)
    there.hold(body, record)
    flip(here.file(record), place)
    answer = await cluster.get(here, path_of(record), Range=f"bytes={place - 50}-{place + 50}")
    assert (answer.status, answer.body) == (206, body[place - 50 : place + 51])
    await mended(here, record)


async def test_many_readers_of_one_bad_copy_all_get_the_right_bytes(cluster: ReadCluster) -> None:
    here, there = cluster.nodes
    for size in SIZES.values():
        body = os.urandom(size)
        record = here.hold(body)
        there.hold(body, record)
        flip(here.file(record), size // 2)
        answers = await asyncio.gather(*(cluster.get(here, path_of(record)) for _ in range(30)))
        assert all((answer.status, answer.body) == (200, body) for answer in answers)
        await until(lambda: here.holds(record), "the copy was not replaced")  # noqa: B023 - awaited here
    assert here.side.counts.quarantined == len(SIZES)


async def test_a_part_that_does_not_touch_the_bad_chunk_is_served_from_here(cluster: ReadCluster) -> None:
    here, there = cluster.nodes
    body = os.urandom(SIZES["many chunks"])
    record = here.hold(body)
    flip(here.file(record), len(body) - 1)
    answer = await cluster.get(here, path_of(record), Range=f"bytes=0-{CHUNK_BYTES - 1}")
    assert answer.body == body[:CHUNK_BYTES]
    assert there.asked == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_without_a_good_copy_anywhere_no_wrong_byte_is_sent_and_the_blob_stays_wanted(
    cluster: ReadCluster, size: int
) -> None:
    here, there = cluster.nodes
    body, place = os.urandom(size), size // 2
    record = here.hold(body)
    there.hold(body, record)
    flip(here.file(record), place)
    flip(there.file(record), place)
    got = await read_until_cut(here, path_of(record))
    assert body.startswith(got)
    assert len(got) <= place
    await until(lambda: here.index.counts().wanted == 1, "it is not wanted")
    kept = list(here.store._quarantine.iterdir())
    assert [path.name for path in kept] == [f"{PUBLIC}.{record.blob.sha256}.png"]
    assert (await cluster.get(here, path_of(record))).status == 502


async def read_until_cut(node: ReadNode, path: str) -> bytes:
    """The body of a 200 as far as it comes; nothing for a problem document."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    parts = []
    try:
        while part := await asyncio.wait_for(reader.read(65536), 20):
            parts.append(part)
    except ConnectionError:
        pass
    writer.close()
    return b"".join(parts) if head.startswith(b"HTTP/1.1 200") else b""


def bad_in_two_places(nodes: Sequence[ReadNode], places: tuple[int, int]) -> tuple[bytes, AssetRecord]:
    """A blob of five chunks; the first two nodes hold copies, each with a bit flipped in one chunk."""
    body = os.urandom(5 * CHUNK_BYTES - 1000)
    record = nodes[0].hold(body)
    nodes[1].hold(body, record)
    for node, chunk in zip(nodes, places, strict=False):
        flip(node.file(record), chunk * CHUNK_BYTES + 5)
    return body, record


# The second place decides what the peer has already put into quarantine when it is asked for the first.
PLACES = [(3, 0), (0, 3), (3, 4), (4, 3), (1, 2)]


@pytest.mark.parametrize("places", PLACES)
async def test_two_nodes_with_different_bad_chunks_mend_each_other_s_readers(
    cluster: ReadCluster, places: tuple[int, int]
) -> None:
    """Each chunk is good somewhere: who streams gets the whole, chunk by chunk, from whoever has it."""
    here, there = cluster.nodes
    body, record = bad_in_two_places(cluster.nodes, places)
    assert (await cluster.get(here, path_of(record))).body == body
    await mended(here, record)
    assert (await cluster.get(there, path_of(record))).body == body
    await mended(there, record)


@pytest.mark.parametrize("places", PLACES)
async def test_copies_in_quarantine_with_different_bad_chunks_make_a_good_one(
    cluster: ReadCluster, places: tuple[int, int]
) -> None:
    """The worst case: neither node holds the blob any more, but each has what the other lacks."""
    here, there = cluster.nodes
    body, record = bad_in_two_places(cluster.nodes, places)
    for node in cluster.nodes:
        held = node.index.blob(PUBLIC, record.blob.sha256)
        assert held is not None
        await node.side._quarantine.judge(BadCopy(held, "found by the test"))
    answers = await asyncio.gather(*(cluster.get(node, path_of(record)) for node in (here, there, here)))
    assert [answer.body == body for answer in answers] == [True] * 3
    await mended(here, record)
    await mended(there, record)


async def test_a_node_without_a_copy_pulls_one_together_from_two_bad_ones(tmp_path: Path) -> None:
    async with read_cluster(tmp_path) as cluster:
        third = cluster.nodes[2]
        body, record = bad_in_two_places(cluster.nodes, (3, 0))
        assert (await cluster.get(third, path_of(record))).body == body
        await until(lambda: third.holds(record), "it was not kept")


async def test_one_bad_chunk_on_all_nodes_is_never_served_and_leaves_nothing_half_made(
    cluster: ReadCluster,
) -> None:
    here, there = cluster.nodes
    body, record = bad_in_two_places(cluster.nodes, (2, 2))
    got = await read_until_cut(here, path_of(record))
    assert body.startswith(got)
    assert len(got) <= 2 * CHUNK_BYTES
    await until(lambda: all(node.index.counts().wanted for node in (here, there)), "it is not wanted")
    assert (await cluster.get(here, path_of(record))).status == 502
    await until(lambda: not list(here.store._incoming.iterdir()), "a staged file stayed")
    assert here.index.blob(PUBLIC, record.blob.sha256) is None


async def test_of_a_copy_in_quarantine_peers_get_the_right_chunks_and_nobody_else_anything(
    cluster: ReadCluster,
) -> None:
    here, _ = cluster.nodes
    body = os.urandom(3 * CHUNK_BYTES)
    record = here.hold(body)
    flip(here.file(record), CHUNK_BYTES)
    held = here.index.blob(PUBLIC, record.blob.sha256)
    assert held is not None
    await here.side._quarantine.judge(BadCopy(held, "found by the test"))
    me = Node(here.name, here.origin.region, "s1", here.url)

    async def part(chunk: int) -> bytes:
        span = {"Range": f"bytes={chunk * CHUNK_BYTES}-{(chunk + 1) * CHUNK_BYTES - 1}"}
        async with here.client.open(me, "GET", blob_request(held.key), headers=span) as response:
            return await response.read()

    assert [await part(chunk) for chunk in (0, 2)] == [body[:CHUNK_BYTES], body[-CHUNK_BYTES:]]
    with pytest.raises(NotFound):
        await part(1)
    with pytest.raises(NotFound):
        async with here.client.open(me, "GET", blob_request(held.key)):
            pass
    assert (await cluster.get(here, path_of(record), Range="bytes=0-10")).status == 502
    await here.side.deletes.order(DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1"))
    with pytest.raises(NotFound):
        await part(0)
    assert list(here.store._quarantine.iterdir()) == []
    assert here.index.counts().quarantined == 0


async def test_good_bytes_with_wrong_chunk_digests_are_not_condemned(cluster: ReadCluster) -> None:
    here, there = cluster.nodes
    body = os.urandom(SIZES["many chunks"])
    record = here.hold(body)
    there.hold(body, record)
    right = here.index.blob(PUBLIC, record.blob.sha256)
    assert right is not None
    key = address_of(record).key
    here.index.write(reverified(key, bytes(len(right.chunk_digests)), 0)).result(20)
    await cluster.get(here, path_of(record))

    def digests() -> bytes:
        held = here.index.blob(PUBLIC, record.blob.sha256)
        return held.chunk_digests if held else b""

    await until(lambda: digests() == right.chunk_digests, "the digests were not made right")
    assert here.side.counts.quarantined == 0
    assert (await cluster.get(here, path_of(record))).body == body


async def test_a_copy_that_cannot_be_moved_away_is_still_not_served(cluster: ReadCluster) -> None:
    here, there = cluster.nodes
    body = os.urandom(SIZES["one chunk"])
    record = here.hold(body)
    there.hold(body, record)
    flip(here.file(record), 100)
    here.store._quarantine.rmdir()  # moving there fails now
    here.store._quarantine.write_bytes(b"in the way")
    for _ in range(3):
        answer = await cluster.get(here, path_of(record))
        assert (answer.status, answer.body) == (200, body)
        here.side.ram.clear()
    assert here.side.counts.quarantined == 0


async def test_a_bad_copy_whose_asset_is_deleted_is_not_brought_back(cluster: ReadCluster) -> None:
    here, there = cluster.nodes
    body = os.urandom(SIZES["one chunk"])
    record = here.hold(body)
    flip(here.file(record), 100)
    assert (await cluster.get(here, path_of(record))).status == 502  # nobody else has it
    await until(lambda: here.index.counts().quarantined == 1)
    for node in (here, there):
        await node.side.deletes.order(DeleteOrder(record.asset_id, PUBLIC, record.public_id, "s1"))
    assert here.index.counts().wanted == 0
    assert here.index.record_of_blob(PUBLIC, record.blob.sha256) is None


async def test_what_is_in_memory_does_not_outlive_a_quarantine(cluster: ReadCluster) -> None:
    """Memory holds verified bytes, but the index says the blob is not held: the two must agree."""
    here, there = cluster.nodes
    body = os.urandom(SIZES["one chunk"])
    record = here.hold(body)
    there.hold(body, record)
    await cluster.get(here, path_of(record))
    assert path_of(record) in here.side.ram.entries
    drops = here.side.ram.drops
    flip(here.file(record), 5)
    cluster.change(Bucket(PUBLIC, visibility="private"))
    cluster.change(Bucket(PUBLIC))
    assert (await cluster.get(here, path_of(record))).body == body
    await mended(here, record)
    assert here.side.ram.drops > drops
