"""What works for a loop pushes nobody aside when it wakes; the loop itself keeps the usual class."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import AsyncExitStack

import pytest
from index_maker import opened

from atoll.batch_work import become_batch_work
from storage_node.openings import open_threads


def own_class(_db=None):
    return os.sched_getscheduler(0)


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or own_class() != os.SCHED_OTHER,
    reason="other systems have no such class, or this run is in it already",
)


def test_the_calling_thread_and_those_it_starts_are_batch_work_and_no_other_is():
    seen = []

    def work():
        become_batch_work()
        child = threading.Thread(target=lambda: seen.append(own_class()))
        child.start()
        child.join()
        seen.append(own_class())

    before = own_class()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [os.SCHED_BATCH, os.SCHED_BATCH]
    assert own_class() == before


def test_a_machine_that_forbids_it_changes_nothing(monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    before = own_class()
    become_batch_work()
    assert own_class() == before


async def test_a_nodes_threads_are_batch_work():
    begun = []
    async with AsyncExitStack() as stack:
        pool = open_threads(stack, "some", 1, lambda: begun.append(own_class()))
        assert pool.submit(own_class).result() == os.SCHED_BATCH
        assert begun == [os.SCHED_BATCH]
    assert own_class() == os.SCHED_OTHER


def test_the_writer_of_the_index_is_batch_work(tmp_path):
    with opened(tmp_path) as index:
        assert index.write(own_class).result() == os.SCHED_BATCH
