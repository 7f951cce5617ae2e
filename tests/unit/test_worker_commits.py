"""A worker's commits, and a home that a test plays."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from index_maker import HandOrigin, a_blob, a_ticket, upload

from atoll.errors import TicketReplayed
from storage_node.blob_locks import BlobLocks
from storage_node.commits import UploadCommit
from storage_node.disk_store import DiskStore
from storage_node.index_reads import IndexReads
from storage_node.index_recovery import open_index
from storage_node.thread_answer import ThreadAnswer
from storage_node.workers.commits import HomeCommits
from storage_node.workers.link import LinkLost

WRITERS = 4
BODY = b"the same bytes"


class Home:
    """Answers each commit a moment later, with `error`."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def call(self, _name, _body):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_later(0.01, answer.set_exception, self._error)
        return answer


class Worker:
    """Its commits with threads and an index of their own."""

    def __init__(self, root: Path, home: Home, stack: ExitStack) -> None:
        self.store, index = DiskStore(root), IndexReads(root / "index.db")
        stack.callback(index.close)
        cleaner = stack.enter_context(ThreadPoolExecutor(1))
        self._writers = stack.enter_context(ThreadPoolExecutor(WRITERS))
        self._commits = HomeCommits(self.store, index, BlobLocks(), home, cleaner)

    async def send(self, uploads: int) -> list[object]:
        """So many uploads of `BODY` at once, and what each comes to."""
        answers = [ThreadAnswer() for _ in range(uploads)]
        for answer in answers:
            answer.begin(self._writers, self._place)
        async with asyncio.timeout(20):
            return await asyncio.gather(*(answer.here for answer in answers), return_exceptions=True)

    def _place(self):
        staged = self.store.stage()
        staged.write(BODY)
        staged.sync()
        return self._commits.place(staged, UploadCommit(a_ticket(), 0, a_blob(BODY), b"", None))


@pytest.fixture
def index(tmp_path):
    made = open_index(tmp_path, HandOrigin().origin)
    yield made
    made.close()


KEY = UploadCommit(a_ticket(), 0, a_blob(BODY), b"", None).key


async def test_more_refused_uploads_of_the_same_bytes_than_there_are_writers_all_end(tmp_path, index):
    with ExitStack() as stack:
        worker = Worker(tmp_path, Home(TicketReplayed("Used for other bytes.")), stack)
        answers = await worker.send(3 * WRITERS)
    assert [type(answer) for answer in answers] == [TicketReplayed] * (3 * WRITERS)
    assert worker.store.size(KEY) is None


async def test_a_refused_upload_takes_away_no_copy_that_waits_to_be_looked_at(tmp_path, index):
    upload(index, HandOrigin().origin, BODY)
    index.write(lambda db: db.execute("DELETE FROM blobs")).result()  # as a lost index, made anew
    with ExitStack() as stack:
        worker = Worker(tmp_path, Home(TicketReplayed("Used for other bytes.")), stack)
        await worker.send(1)
    assert worker.store.read(KEY) == BODY


async def test_what_home_may_have_committed_before_it_went_stays(tmp_path, index):
    with ExitStack() as stack:
        worker = Worker(tmp_path, Home(LinkLost("Gone.")), stack)
        answers = await worker.send(2 * WRITERS)
    assert [type(answer) for answer in answers] == [LinkLost] * (2 * WRITERS)
    assert worker.store.read(KEY) == BODY
