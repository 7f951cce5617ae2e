"""The replication benchmark: what load its lag is looked at under, and what counts as lost."""

from __future__ import annotations

import pytest

from benchmarks import replication
from benchmarks.replication import Copies, Lag, carried, copy_rate
from benchmarks.two_nodes import GIVER, REPLICATOR, TAKER

CPU = dict.fromkeys((GIVER, TAKER, REPLICATOR), 1.0)


def result(copies, lag):
    found = replication._result([400.0], [copies], [lag], replication.QUICK, 80_000)
    return {mark.name: mark.passed for mark in found.marks}, found.notes


def test_the_load_is_half_of_the_uploads_where_copies_leave_room_for_it():
    assert carried(100.0, 1000.0) == 50.0


def test_the_load_is_what_the_machine_carries_where_half_would_be_more():
    assert carried(300.0, 300.0) == pytest.approx(120.0)


def test_copies_are_counted_from_the_first_to_the_last():
    assert copy_rate([3.0, 1.0, 2.0]) == 1.0


def test_every_mark_is_met_by_a_replicator_that_keeps_up_and_the_note_says_the_load():
    passed, notes = result(Copies(200.0, 0, CPU), Lag(160.0, 160.0, [5.0, 6.0], 0, 0))
    assert all(passed.values())
    assert "160 a second. That is 0.40 of the uploads' rate" in notes[1]
    assert "half of the uploads' rate" in result(Copies(900.0, 0, CPU), Lag(200.0, 200.0, [5.0], 0, 0))[1][1]


@pytest.mark.parametrize(
    ("copies", "lag", "missed"),
    [
        (Copies(199.0, 0, CPU), Lag(100.0, 100.0, [5.0], 0, 0), "copies to uploads"),
        (Copies(200.0, 1, CPU), Lag(100.0, 100.0, [5.0], 0, 0), "lost"),
        (Copies(200.0, 0, CPU), Lag(100.0, 100.0, [5.0], 0, 1), "lost"),
        (Copies(200.0, 0, CPU), Lag(100.0, 98.0, [5.0], 0, 0), "rate kept"),
        (Copies(200.0, 0, CPU), Lag(100.0, 100.0, [5.0, 1001.0], 0, 0), "lag p99 at that load"),
    ],
)
def test_who_lags_loses_or_is_too_slow_misses_its_mark(copies, lag, missed):
    passed, _ = result(copies, lag)
    assert [name for name, met in passed.items() if not met] == [missed]
