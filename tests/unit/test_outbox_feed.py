"""The feed of new events: what a commit added is given once, in order; in doubt the index is to be read."""

from __future__ import annotations

import asyncio
import sqlite3

from atoll.events import MAX_RECEIPTS
from storage_node.outbox_feed import OutboxFeed

DEADLINE = 20.0
RECEIPT = "atoll.eu.blob.replicated.s1"


class Stage:
    """A feed and the outbox table it looks at. Commits and looks happen in the loop's own thread here."""

    def __init__(self, limit: int = 10) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute(
            "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
            " event_id TEXT, subject TEXT, body BLOB, at INTEGER)"
        )
        self.feed = OutboxFeed(limit)

    async def commit(self, events: int = 1, subject: str = "atoll.eu.blob.stored.s1") -> None:
        for _ in range(events):
            self.db.execute(
                "INSERT INTO outbox (event_id, subject, body, at) VALUES ('', ?, x'', 0)", (subject,)
            )
        await self.told()

    async def told(self) -> None:
        self.feed.committed(self.db)
        await asyncio.sleep(0)  # what was called from another thread runs

    def read(self) -> list[int]:
        """As the outbox reads the index to its end."""
        self.feed.catch_up()
        seqs = [seq for (seq,) in self.db.execute("SELECT seq FROM outbox ORDER BY seq")]
        if seqs:
            self.feed.was_read(seqs[-1])
        return seqs

    def taken(self, limit: int = 100) -> list[int]:
        return [row.seq for row in self.feed.take(limit)]


async def test_it_begins_behind_for_nobody_knows_what_the_last_run_left() -> None:
    assert Stage().feed.behind


async def test_after_a_read_each_commit_is_given_once_and_in_order() -> None:
    stage = Stage()
    await stage.commit()
    assert stage.read() == [1]
    await stage.commit(2)
    await stage.commit()
    assert stage.taken(limit=2) == [2, 3]
    assert stage.taken() == [4]
    assert stage.taken() == []
    assert not stage.feed.behind


async def test_what_was_committed_during_a_read_is_not_lost() -> None:
    stage = Stage()
    await stage.commit()
    stage.feed.catch_up()
    await stage.commit()  # after the read's snapshot
    stage.feed.was_read(1)
    assert stage.taken() == [2]


async def test_what_a_read_has_brought_is_not_given_again() -> None:
    stage = Stage()
    await stage.commit()
    stage.feed.catch_up()
    await stage.commit()  # before the read's snapshot
    stage.feed.was_read(2)
    assert stage.taken() == []


async def test_the_first_commit_sends_to_the_index_whatever_was_read_before() -> None:
    stage = Stage()
    assert stage.read() == []
    await stage.commit()
    assert stage.feed.behind
    assert stage.feed.wake.is_set()
    assert stage.read() == [1]


async def test_more_than_the_limit_sends_to_the_index() -> None:
    stage = Stage(limit=3)
    await stage.commit()
    stage.read()
    await stage.commit(2)
    await stage.commit(2)
    assert stage.feed.behind
    assert stage.taken() == []
    assert stage.read() == [1, 2, 3, 4, 5]


async def test_while_behind_nothing_is_kept_in_memory() -> None:
    stage = Stage()
    await stage.commit()
    stage.read()
    stage.feed.fall_behind()
    await stage.commit(3)
    stage.feed.catch_up()
    assert stage.taken() == []


async def test_a_commit_without_events_wakes_nobody() -> None:
    stage = Stage()
    await stage.commit()
    stage.read()
    stage.feed.wake.clear()
    await stage.told()
    assert not stage.feed.wake.is_set()


async def test_a_look_that_fails_sends_to_the_index_and_harms_no_commit() -> None:
    stage = Stage()
    await stage.commit()
    stage.read()
    stage.db.execute("ALTER TABLE outbox RENAME TO hidden")
    await stage.told()
    assert stage.feed.behind
    stage.db.execute("ALTER TABLE hidden RENAME TO outbox")
    await stage.commit()
    assert stage.read() == [1, 2]


async def test_receipts_wait_for_each_other_but_not_for_ever() -> None:
    stage = Stage()
    await stage.commit()
    stage.read()
    stage.feed.wake.clear()
    await stage.commit(2, RECEIPT)
    assert not stage.feed.wake.is_set()
    await asyncio.wait_for(stage.feed.wake.wait(), DEADLINE)
    assert stage.taken() == [2, 3]


async def test_an_event_that_others_act_upon_wakes_at_once_and_leaves_receipts_to_each_other() -> None:
    stage = Stage()
    await stage.commit()
    stage.read()
    stage.feed.wake.clear()
    await stage.commit(1, RECEIPT)
    await stage.commit()
    assert stage.feed.wake.is_set()
    assert stage.taken() == [3]
    stage.feed.wake.clear()
    await asyncio.wait_for(stage.feed.wake.wait(), DEADLINE)
    assert stage.taken() == [2]
    assert stage.taken() == []


async def test_as_many_receipts_as_one_message_holds_wait_no_longer() -> None:
    stage = Stage(limit=1000)
    await stage.commit()
    stage.read()
    stage.feed.wake.clear()
    await stage.commit(MAX_RECEIPTS, RECEIPT)
    assert stage.feed.wake.is_set()
    assert len(stage.taken()) == MAX_RECEIPTS
