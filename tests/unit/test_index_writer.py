"""The group commit: what waits together is committed once, and nobody takes the writer down."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future

import pytest

from atoll.errors import NoSpace, Overloaded, TicketReplayed
from storage_node.index_schema import connect
from storage_node.index_writer import IndexWriter, ignore
from storage_node.store import StoreFailed

DEADLINE = 20.0


class Stage:
    """A writer over a table of numbers; while `held` is set it works at nothing."""

    def __init__(self, path, limit=100):
        connection = connect(path)
        connection.execute("CREATE TABLE numbers (n INT NOT NULL UNIQUE)")
        connection.execute(
            "CREATE TABLE children (n INT REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)"
        )
        connection.execute("PRAGMA max_page_count = 1000")
        self.commits = 0
        self.writer = IndexWriter(connection, self._committed, limit)
        self.go, self.busy = threading.Event(), threading.Event()
        self.path = path

    def _committed(self, _db):
        self.commits += 1

    def hold(self) -> Future[None]:
        """The writer is in an operation that ends when `go` is set."""

        def wait(_db):
            self.busy.set()
            assert self.go.wait(DEADLINE)

        done = self.writer.submit(wait)
        assert self.busy.wait(DEADLINE)
        return done

    def put(self, number: int) -> Future[int]:
        def operation(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO numbers VALUES (?)", (number,))
            if number < 0:
                raise TicketReplayed("no")
            return number

        return self.writer.submit(operation)

    def numbers(self) -> list[int]:
        reader = connect(self.path)
        try:
            return [n for (n,) in reader.execute("SELECT n FROM numbers ORDER BY n")]
        finally:
            reader.close()


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path / "index.db")
    yield made
    made.go.set()
    made.writer.close()


def test_operations_that_wait_together_are_one_commit(stage):
    stage.hold()
    waiting = [stage.put(n) for n in range(20)]
    stage.go.set()
    assert [done.result(DEADLINE) for done in waiting] == list(range(20))
    assert stage.numbers() == list(range(20))
    assert stage.commits == 2


def test_nothing_is_answered_before_it_is_committed(stage):
    seen: list[list[int]] = []
    done = stage.put(1)
    done.add_done_callback(lambda _: seen.append(stage.numbers()))
    done.result(DEADLINE)
    stage.put(2).result(DEADLINE)  # the callback ran before the writer took this up
    assert seen == [[1]]


def test_one_that_refuses_takes_nothing_from_the_others(stage):
    stage.hold()
    good, bad, other = stage.put(1), stage.put(-1), stage.put(2)
    stage.go.set()
    assert (good.result(DEADLINE), other.result(DEADLINE)) == (1, 2)
    with pytest.raises(TicketReplayed):
        bad.result(DEADLINE)
    assert stage.numbers() == [1, 2]


def insert(statement: str, *values: object):
    """An operation that succeeds with 0, or fails as SQLite says."""

    def operation(db: sqlite3.Connection) -> int:
        db.execute(statement, values)
        return 0

    return operation


FAILURES = {
    "a statement that is none": (insert("INSERT INTO nowhere VALUES (1)"), StoreFailed),
    "a constraint": (insert("INSERT INTO numbers VALUES (NULL)"), StoreFailed),
    "one that takes the whole transaction along": (
        insert("INSERT OR ROLLBACK INTO numbers VALUES (NULL)"),
        StoreFailed,
    ),
    "a full disk": (insert("INSERT INTO numbers VALUES (?)", bytes(10_000_000)), NoSpace),
    "a bug": (lambda db: db.no_such_attribute, AttributeError),
}


@pytest.mark.parametrize("how", FAILURES)
def test_one_that_fails_takes_nothing_from_the_others(stage, how):
    failing, expected = FAILURES[how]
    stage.hold()
    before, bad, after = stage.put(1), stage.writer.submit(failing), stage.put(2)
    stage.go.set()
    assert (before.result(DEADLINE), after.result(DEADLINE)) == (1, 2)
    with pytest.raises(expected):
        bad.result(DEADLINE)
    assert stage.numbers() == [1, 2]
    assert stage.put(3).result(DEADLINE) == 3  # the writer goes on


def test_one_that_fails_alone_fails_alone(stage):
    with pytest.raises(StoreFailed):
        stage.writer.submit(FAILURES["one that takes the whole transaction along"][0]).result(DEADLINE)
    assert stage.put(3).result(DEADLINE) == 3


def test_when_the_commit_fails_nobody_is_told_that_it_is_durable(stage):
    """A foreign key that is checked only at the commit stands for a disk that fails there."""
    stage.hold()
    good = stage.put(1)
    bad = stage.writer.submit(insert("INSERT INTO children VALUES (7)"))
    stage.go.set()
    for done in (good, bad):
        with pytest.raises(StoreFailed):
            done.result(DEADLINE)
    assert stage.numbers() == []
    assert stage.put(3).result(DEADLINE) == 3


def test_one_whose_waiter_went_away_is_committed_all_the_same(stage):
    stage.hold()
    forgotten = stage.put(1)
    assert not forgotten.cancel()
    stage.go.set()
    stage.put(2).result(DEADLINE)
    assert stage.numbers() == [1, 2]


def test_when_too_many_wait_the_next_is_refused_and_nobody_is_blocked(tmp_path):
    stage = Stage(tmp_path / "index.db", limit=3)
    stage.hold()
    waiting = [stage.put(n) for n in range(3)]
    with pytest.raises(Overloaded) as refused:
        stage.put(3)
    assert refused.value.facts["limit"] == 3
    stage.go.set()
    assert [done.result(DEADLINE) for done in waiting] == [0, 1, 2]
    stage.writer.close()


def test_a_full_queue_does_not_keep_the_writer_from_ending(tmp_path):
    stage = Stage(tmp_path / "index.db", limit=2)
    stage.hold()
    waiting = [stage.put(n) for n in range(2)]
    ending = threading.Thread(
        target=stage.writer.close, args=(lambda db: db.execute("INSERT INTO numbers VALUES (9)"),)
    )
    ending.start()
    stage.go.set()
    ending.join(DEADLINE)
    assert [done.result(DEADLINE) for done in waiting] == [0, 1]
    assert stage.numbers() == [0, 1, 9]


def test_what_waits_at_the_end_is_committed(tmp_path):
    stage = Stage(tmp_path / "index.db")
    stage.hold()
    last = stage.put(7)
    stage.go.set()
    stage.writer.close()
    assert last.result(0) == 7
    assert stage.numbers() == [7]


class Beside:
    """A companion that fails when told to, and remembers what it was asked."""

    def __init__(self):
        self.fails_with, self.asked = None, []

    def note(self, _db):
        self.asked.append("note")
        if self.fails_with is not None:
            raise self.fails_with

    def keep(self):
        self.asked.append("keep")

    def take_back(self):
        self.asked.append("take back")


@pytest.mark.parametrize("error", [StoreFailed("the journal's disk failed"), TypeError("a bug")])
def test_what_fails_beside_the_index_fails_the_commit_and_not_the_writer(tmp_path, error):
    beside = Beside()
    connection = connect(tmp_path / "index.db")
    connection.execute("CREATE TABLE numbers (n INT)")
    writer = IndexWriter(connection, ignore, companion=beside)
    beside.fails_with = error
    with pytest.raises(type(error)):
        writer.submit(insert("INSERT INTO numbers VALUES (1)")).result(DEADLINE)
    beside.fails_with = None
    writer.submit(insert("INSERT INTO numbers VALUES (2)")).result(DEADLINE)
    writer.close()
    assert beside.asked == ["note", "take back", "note", "keep"]
    reader = connect(tmp_path / "index.db")
    assert reader.execute("SELECT n FROM numbers").fetchall() == [(2,)]
    reader.close()
