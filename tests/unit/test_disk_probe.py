"""Whether the disk answers: known without waiting for it, whatever it does."""

from __future__ import annotations

import asyncio
import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from atoll.errors import NoSpace
from storage_node.disk_calls import DiskReads
from storage_node.disk_probe import DiskProbe
from storage_node.space import SpaceGuard
from storage_node.store import Space, StoreFailed


class Disk:
    """A disk whose next answer the test chooses."""

    def __init__(self) -> None:
        self.now, self.error = 100.0, None
        self.probe = DiskProbe(self.write, 2.0, lambda: self.now)
        self.during = lambda: None

    def write(self) -> None:
        self.during()
        if self.error:
            raise self.error

    def fails_with(self, number: int) -> None:
        self.error = StoreFailed("The disk failed.")
        self.error.__cause__ = OSError(number, "no")


@pytest.fixture
def disk():
    return Disk()


def test_a_disk_that_answers_is_well_before_and_after(disk):
    assert not disk.probe.failing
    disk.probe.ask()
    assert (disk.probe.failing, disk.probe.read_only) == (False, False)


@pytest.mark.parametrize(("seconds", "failing"), [(0.0, False), (1.99, False), (2.0, True), (1e6, True)])
def test_a_disk_that_gives_no_answer_fails_after_two_seconds_while_it_hangs(disk, seconds, failing):
    seen = []

    def hang() -> None:
        disk.now += seconds
        seen.append(disk.probe.failing)

    disk.during = hang
    disk.probe.ask()
    assert seen == [failing]
    assert not disk.probe.failing  # it answered after all


def test_a_disk_that_answers_with_errors_fails_until_it_takes_a_write(disk):
    disk.fails_with(errno.EIO)
    disk.probe.ask()
    assert (disk.probe.failing, disk.probe.read_only) == (True, False)
    disk.error = None
    disk.probe.ask()
    assert not disk.probe.failing


def test_a_read_only_disk_serves_on(disk):
    disk.fails_with(errno.EROFS)
    disk.probe.ask()
    assert (disk.probe.failing, disk.probe.read_only) == (False, True)
    space = SpaceGuard(0, None, disk.probe)
    space.measured(Space(100, 100, 0), 0)
    assert space.read_only


def test_a_full_disk_is_in_good_health(disk):
    disk.error = NoSpace("full")
    disk.probe.ask()
    assert (disk.probe.failing, disk.probe.read_only) == (False, False)


def test_the_thread_asks_until_it_is_closed_and_a_hung_disk_does_not_keep_it():
    asked, hung = threading.Semaphore(0), threading.Event()

    def write() -> None:
        asked.release()
        if asked_often.is_set():
            hung.wait()

    asked_often = threading.Event()
    probe = DiskProbe(write, seconds=0.05)
    probe.start()
    assert asked.acquire(timeout=10)
    asked_often.set()
    assert asked.acquire(timeout=10)
    probe.close()
    assert probe.failing
    hung.set()


def test_no_upload_begins_on_a_disk_that_gives_no_answer():
    space = SpaceGuard(0, None, SimpleNamespace(failing=True, read_only=False))
    space.measured(Space(100, 100, 0), 0)
    with pytest.raises(StoreFailed), space.promise(1):
        pass


async def test_a_read_is_given_up_when_the_disk_hangs_and_not_begun_when_that_is_known():
    disk, hung, begun = SimpleNamespace(failing=False), threading.Event(), []

    def work() -> str:
        begun.append(1)
        hung.wait()
        return "late"

    with ThreadPoolExecutor(1) as threads:
        reads = DiskReads(threads, disk, seconds=0.01)
        with pytest.raises(StoreFailed):
            await reads.run(work)
        disk.failing = True
        with pytest.raises(StoreFailed):
            await reads.run(work)
        hung.set()
        disk.failing = False
        async with asyncio.timeout(10):
            assert await DiskReads(threads, disk).run(lambda: "in time") == "in time"
    assert len(begun) <= 1


async def test_a_read_that_ended_in_time_is_no_failure_though_the_process_stood_still_since(monkeypatch):
    """As a whole machine that is paused: the first turn of the loop after it finds the deadline over."""
    loop, seconds = asyncio.get_running_loop(), 5.0
    paused = threading.Event()

    def stand_still() -> None:
        paused.set()
        threads.submit(int).result(10)  # the read has ended, and its thread has told the loop
        over = loop.time() + 2 * seconds
        monkeypatch.setattr(loop, "time", lambda: over)

    def work() -> str:
        assert paused.wait(10)
        return "in time"

    with ThreadPoolExecutor(1) as threads:
        loop.call_soon(loop.call_soon, stand_still)  # once the read has begun to wait
        assert await DiskReads(threads, SimpleNamespace(failing=False), seconds).run(work) == "in time"
