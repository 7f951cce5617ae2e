"""An export that is given up in the middle of its work."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from record_maker import SHA

from atoll.ids import new_id
from atoll.jobs import ExportWork, JobItem, Task
from storage_node.derivative_sources import Source
from storage_node.jobs.export_files import ExportFiles
from storage_node.jobs.export_job import ExportJob
from storage_node.jobs.handler import Progress
from storage_node.sniff import JPEG
from storage_node.space import SpaceGuard
from storage_node.store import Space


class OneSource:
    """Every image lies at `path`."""

    def __init__(self, path):
        self._path = path

    @asynccontextmanager
    async def opened(self, address):
        yield Source(self._path, JPEG, None)


async def test_an_export_that_is_cancelled_while_it_copies_is_cancelled_and_nothing_else(tmp_path):
    slow, space = tmp_path / "slow", SpaceGuard(0, None)
    os.mkfifo(slow)  # reading it waits for us
    space.measured(Space(10**9, 10**9, 0), 0)
    item = JobItem(new_id(), "one", f"s1/{SHA}.jpg", 10)
    task = Task(new_id(), new_id(), 0, "eu", "s1", 0, ExportWork("pictures", (item,), "all.zip", 60))
    with ThreadPoolExecutor(2) as writers:
        files = ExportFiles(tmp_path, 10**9)
        job = ExportJob(OneSource(slow), files, space, writers, "eu-1", lambda: 0)
        running = asyncio.create_task(job.run(task, Progress(task, 1)))
        writing = await asyncio.to_thread(os.open, slow, os.O_WRONLY)  # it is at the copy
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        os.close(writing)
        with pytest.raises(asyncio.CancelledError):
            await running
