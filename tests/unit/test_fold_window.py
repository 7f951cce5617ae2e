"""What is held of many events until their company is there: by numbers, without a clock."""

from __future__ import annotations

import pytest
from msgspec import structs
from sample_events import buried, left, record, replicated, stored

from atoll.events import gathered
from query_service.event_reader import Delivery
from query_service.fold_window import MAX_HELD, RUSH_EVENTS, FoldWindow

NODES = ("eu-1", "us-1", "ap-1")


def window(seconds=1.0):
    return FoldWindow(lambda _: NODES, seconds)


def delivered(*events):
    return [Delivery(None, event) for event in events]


def uploads(count, at=1000):
    return [record(f"a{at}-{i}", at) for i in range(count)]


@pytest.fixture
def rush():
    """A window that holds the first events of many uploads, and those uploads."""
    some, held = uploads(RUSH_EVENTS), window()
    assert held.let_go(delivered(*(stored(each, 1000) for each in some)), 0.0) == []
    return held, some


def test_what_comes_alone_waits_for_nobody():
    alone = window()
    (part,) = alone.let_go(delivered(stored(record("a", 1), 1)), 0.0)
    assert part.last
    assert not alone.holds


def test_in_a_rush_the_events_of_an_upload_go_together_once_each_node_has_told_of_it(rush):
    held, (first, *_) = rush
    assert held.let_go(delivered(replicated(first, 1100, "us-1")), 0.1) == []
    gone = held.let_go(delivered(replicated(first, 1100, "ap-1")), 0.2)
    assert [part.event.node for part in gone] == ["eu-1", "us-1", "ap-1"]
    assert all(part.last for part in gone)
    assert held.holds


def test_nobody_is_waited_for_longer_than_the_limit(rush):
    held, some = rush
    late = uploads(RUSH_EVENTS, at=2000)
    assert held.let_go(delivered(*(stored(each, 2000) for each in late)), 0.99) == []
    assert len(held.let_go([], 1.0)) == len(some), "those that came later wait on"


def test_what_is_held_goes_when_the_rush_is_over(rush):
    held, some = rush
    assert len(held.let_go([], 1.0)) == len(some)
    a, b = uploads(2, at=3000)
    assert len(held.let_go(delivered(stored(a, 3000), stored(b, 3000)), 1.1)) == 2
    assert not held.holds


def test_deletes_wait_for_nothing(rush):
    held, (first, *_) = rush
    gone = held.let_go(delivered(left(first, 1200, "us-1"), buried(first, 1200)), 0.1)
    assert [type(part.event).__name__ for part in gone] == ["BlobDeleted", "AssetDeleted"]


def test_a_message_of_many_receipts_is_done_with_its_last_one(rush):
    held, (a, b, *_) = rush
    told = gathered([replicated(a, 1100, "us-1"), replicated(b, 1101, "us-1")])
    (delivery,) = delivered(told)
    assert held.let_go([delivery], 0.1) == []
    first = held.let_go(delivered(replicated(a, 1100, "ap-1")), 0.2)
    assert [part.last for part in first if part.delivery is delivery] == [False]
    second = held.let_go(delivered(replicated(b, 1100, "ap-1")), 0.3)
    (part,) = [part for part in second if part.delivery is delivery]
    assert part.last
    assert part.event == structs.replace(replicated(b, 1101, "us-1"), id=part.event.id)


def test_no_more_is_held_than_the_limit():
    full = window()
    gone = full.let_go(delivered(*(stored(each, 1000) for each in uploads(MAX_HELD + 1))), 0.0)
    assert len(gone) == MAX_HELD + 1


def test_at_the_end_nothing_is_held(rush):
    held, some = rush
    assert len(held.let_go([], 0.1, everything=True)) == len(some)
    assert not held.holds


def test_zero_seconds_hold_nothing():
    gone = window(0.0).let_go(delivered(*(stored(each, 1000) for each in uploads(RUSH_EVENTS * 2))), 0.0)
    assert len(gone) == RUSH_EVENTS * 2
