"""Published events are struck out of the index many at once, and none is forgotten."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from atoll.errors import NoSpace
from storage_node.outbox_notes import STRIKE_AFTER_SECONDS, OutboxNotes
from tests.hand_clock import HandClock


class Disk:
    """Takes the index's writes; full when told so."""

    def __init__(self):
        self.writes = 0
        self.full = False

    def write(self, _operation):
        done = Future()
        if self.full:
            done.set_exception(NoSpace("full"))
        else:
            self.writes += 1
            done.set_result(None)
        return done


def notes_on(disk, limit=10):
    clock = HandClock()
    return OutboxNotes(disk, limit, clock.monotonic), clock


def test_nothing_published_is_nothing_to_wait_for():
    notes, _ = notes_on(Disk())
    notes.add([])
    assert notes.wait is None


async def test_many_are_struck_out_with_one_write_a_moment_after_the_first():
    disk = Disk()
    notes, clock = notes_on(disk)
    notes.add([1, 2])
    clock.advance(STRIKE_AFTER_SECONDS / 2)
    notes.add([3])
    assert notes.wait == pytest.approx(STRIKE_AFTER_SECONDS / 2)
    clock.advance(STRIKE_AFTER_SECONDS)
    assert notes.wait == 0
    await notes.strike()
    assert (disk.writes, len(notes), notes.wait) == (1, 0, None)


def test_as_many_as_the_limit_are_due_at_once():
    notes, _ = notes_on(Disk(), limit=3)
    notes.add([1, 2])
    assert notes.wait > 0
    notes.add([3])
    assert notes.wait == 0


async def test_what_a_full_disk_did_not_take_is_still_known_as_published():
    disk = Disk()
    notes, _ = notes_on(disk)
    notes.add([7])
    disk.full = True
    with pytest.raises(NoSpace):
        await notes.strike()
    assert 7 in notes.seqs
    disk.full = False
    await notes.strike()
    assert 7 not in notes.seqs


def test_the_end_strikes_out_what_is_left():
    disk = Disk()
    notes, _ = notes_on(disk)
    notes.add([1])
    notes.strike_at_end()
    assert disk.writes == 1
