"""A source that a peer passed on lies in a file as long as it is needed, whatever the disk does meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage_node.derivative_sources import Sources
from storage_node.disk_calls import DiskReads
from storage_node.disk_probe import TrustedDisk
from storage_node.disk_store import DiskStore
from storage_node.fetch import Fetched
from storage_node.staged_file import StagedFile
from storage_node.store import BlobKey, StoreFailed

FETCHED = Fetched(BlobKey("b", "0" * 64, "jpg"), 3, b"", "n", b"abc", None)


class Stalling(DiskStore):
    """Gives a file once it is told to; `begun` when it was asked for one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.answer = threading.Event(), threading.Event()

    def stage(self) -> StagedFile:
        self.begun.set()
        assert self.answer.wait(30)
        return super().stage()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def sources(store: DiskStore, threads: ThreadPoolExecutor, seconds: float) -> Sources:
    reads = DiskReads(threads, TrustedDisk(), seconds)
    return Sources(store, None, None, reads)  # type: ignore[arg-type]  # nobody is asked for bytes


async def test_it_is_there_while_it_is_needed_and_gone_then(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        before = descriptors()
        async with sources(DiskStore(tmp_path), threads, 20)._file_of(FETCHED) as path:
            assert path.read_bytes() == b"abc"
        assert list((tmp_path / "incoming").iterdir()) == []
        assert descriptors() <= before + 2  # a thread may have come


@pytest.mark.parametrize("workers", [1, 4])
async def test_a_disk_that_stalls_while_it_is_written_keeps_no_file_and_no_descriptor(
    tmp_path: Path, workers: int
) -> None:
    store = Stalling(tmp_path)
    with ThreadPoolExecutor(workers) as threads:
        made, before = sources(store, threads, 0.02), descriptors()
        for _ in range(3):
            with pytest.raises(StoreFailed):
                async with made._file_of(FETCHED):
                    pytest.fail("the disk gave no file")
        store.answer.set()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert descriptors() == before


async def test_who_leaves_while_it_is_written_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Stalling(tmp_path)

    async def use() -> None:
        async with made._file_of(FETCHED):
            pytest.fail("it was cancelled before")

    with ThreadPoolExecutor(1) as threads:
        made = sources(store, threads, 0.5)
        waiting = asyncio.create_task(use())
        await asyncio.to_thread(store.begun.wait, 30)
        before = descriptors()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        store.answer.set()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert descriptors() == before


async def test_a_file_that_cannot_be_removed_now_costs_its_reader_nothing(tmp_path: Path, caplog) -> None:
    with ThreadPoolExecutor(1) as threads:
        async with sources(DiskStore(tmp_path), threads, 20)._file_of(FETCHED) as path:
            path.unlink()
            path.mkdir()  # unlink(2) refuses it
    assert "stays in incoming/" in caplog.text
