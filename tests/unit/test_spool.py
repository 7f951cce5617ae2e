"""A body on its way in: what waits in memory, what is written, and that nothing stays."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStaged, MemoryStore

from storage_node.sniff import SNIFF_BYTES
from storage_node.spool import PIECE_BYTES, SMALL_BYTES, Spool


class WatchedStore(MemoryStore):
    """Remembers what it staged."""

    def __init__(self) -> None:
        super().__init__()
        self.staged: list[MemoryStaged] = []

    def stage(self) -> MemoryStaged:
        self.staged.append(super().stage())
        return self.staged[-1]


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def fed(spool: Spool, chunks: list[bytes]) -> Spool:
    for chunk in chunks:
        await spool.feed(chunk)
    return spool


@given(st.lists(st.integers(0, 3 * PIECE_BYTES), max_size=12))
def test_what_is_fed_is_what_is_staged_and_hashed(threads, sizes):
    chunks = [bytes([n + 1]) * size for n, size in enumerate(sizes)]
    body = b"".join(chunks)
    spool = asyncio.run(fed(Spool(WatchedStore(), threads), chunks))
    staged, hasher = spool.finish()
    assert isinstance(staged, MemoryStaged)
    assert bytes(staged.data) == body
    assert hasher.sha256() == hashlib.sha256(body).hexdigest()
    assert (spool.size, hasher.size) == (len(body), len(body))
    assert spool.head == body[:SNIFF_BYTES]


async def test_a_small_body_touches_no_disk_before_it_is_complete(threads):
    store = WatchedStore()
    spool = await fed(Spool(store, threads), [bytes(SMALL_BYTES // 4)] * 4)
    assert not store.staged
    spool.finish()
    assert len(store.staged) == 1


async def test_a_large_body_is_written_as_it_comes(threads):
    store = WatchedStore()
    spool, piece, sent = Spool(store, threads), bytes(PIECE_BYTES // 2 + 1), 0
    for _ in range(60):
        await spool.feed(piece)
        sent += len(piece)
        written = len(store.staged[0].data) if store.staged else 0
        assert sent - written <= (PIECE_BYTES if store.staged else SMALL_BYTES) + len(piece)


class SlowStore(WatchedStore):
    """A disk that takes its time: until `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()

    def stage(self) -> MemoryStaged:
        self.asked.set()
        assert self.go.wait(20)
        return super().stage()


async def test_who_is_cancelled_in_the_middle_of_a_write_leaves_no_thread_behind(threads):
    store = SlowStore()
    spool = Spool(store, threads)
    feeding = asyncio.create_task(spool.feed(bytes(SMALL_BYTES + 1)))
    assert await asyncio.to_thread(store.asked.wait, 20)
    for _ in range(2):  # tasks are ended by cancelling them until they have ended
        feeding.cancel()
        done, _ = await asyncio.wait({feeding}, timeout=0.05)
        assert not done
    store.go.set()
    with pytest.raises(asyncio.CancelledError):
        await feeding
    assert len(store.staged) == 1  # a discard would have found nothing before
    spool.discard()
    assert not store.staged[0].data


@pytest.mark.parametrize("size", [0, 10, SMALL_BYTES * 3])
async def test_discarding_leaves_nothing_and_may_be_repeated(threads, size):
    store = WatchedStore()
    spool = await fed(Spool(store, threads), [bytes(size)])
    spool.discard()
    spool.discard()
    assert all(not staged.data for staged in store.staged)


def test_an_empty_body_is_known_without_a_file(threads):
    spool = Spool(WatchedStore(), threads)
    assert (spool.size, spool.head) == (0, b"")
    spool.discard()
