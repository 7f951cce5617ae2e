"""Each transition of a capacity alert comes out exactly once, whatever the readings do in between."""

from __future__ import annotations

import itertools

import pytest

from monitor.alert_book import AlertBook
from monitor.capacity import Reading, Subject
from monitor.hysteresis import Thresholds

NODE = Subject("node", "eu-1")
SET = Subject("set", "s1")


def reading(used, subject=NODE):
    region = "eu" if subject.scope == "node" else None
    return Reading(subject, region, "s1", 1000, 1000 - round(used * 10), used)


def new_book(remembered=()):
    numbers = itertools.count()
    return AlertBook(Thresholds(), "monitor-1", lambda: f"{next(numbers):026d}", remembered)


@pytest.fixture
def book():
    return new_book()


def said(book, *used, subject=NODE):
    """What comes out of these readings, one after the other."""
    out = []
    for at, percent in enumerate(used):
        out += book.evaluate([reading(percent, subject)], {subject}, at)
    return [(alert.transition, alert.previous, alert.level) for alert in out]


RAISED = ("raised", "ok", "warning")


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([50, 60, 79.9], []),
        ([80, 80, 80], [RAISED]),
        ([80, 79, 80, 77.1, 80], [RAISED]),
        ([80, 92, 77], [RAISED, ("changed", "warning", "critical"), ("cleared", "critical", "ok")]),
        ([92], [("raised", "ok", "critical")]),
        ([92, 89, 90, 91.9], [("raised", "ok", "critical"), ("changed", "critical", "warning")]),
        ([80, 77, 79.9, 80], [RAISED, ("cleared", "warning", "ok"), RAISED]),
        ([92, 91, 92, 90, 92], [("raised", "ok", "critical")]),
    ],
)
def test_transitions(book, used, expected):
    assert said(book, *used) == expected


def test_an_alert_keeps_its_id_and_its_beginning_until_it_is_cleared(book):
    (raised,) = book.evaluate([reading(80)], {NODE}, 10)
    (changed,) = book.evaluate([reading(95)], {NODE}, 20)
    (cleared,) = book.evaluate([reading(10)], {NODE}, 30)
    (again,) = book.evaluate([reading(80)], {NODE}, 40)
    assert raised.id == changed.id == cleared.id != again.id
    assert (raised.since, changed.since, cleared.since, again.since) == (10, 10, 10, 40)
    assert (raised.at, changed.at, cleared.at) == (10, 20, 30)
    assert (raised.threshold_percent, changed.threshold_percent, cleared.threshold_percent) == (80, 92, 92)


def test_nodes_and_sets_of_the_same_name_have_alerts_of_their_own(book):
    twins = [reading(85, Subject("node", "x")), reading(95, Subject("set", "x"))]
    out = book.evaluate(twins, {r.subject for r in twins}, 0)
    assert [(a.scope, a.level) for a in out] == [("node", "warning"), ("set", "critical")]


def test_standing_alerts_show_the_latest_figures(book):
    book.evaluate([reading(80)], {NODE}, 0)
    book.evaluate([reading(85)], {NODE}, 1)
    (standing,) = book.standing
    assert (standing.used_percent, standing.bytes_free, standing.transition) == (85, 150, "raised")


def test_a_subject_without_a_reading_keeps_its_alert(book):
    book.evaluate([reading(95)], {NODE}, 0)
    assert book.evaluate([], {NODE}, 1) == []
    assert book.level(NODE) == "critical"


def test_what_leaves_the_cluster_is_cleared_once(book):
    book.evaluate([reading(95)], {NODE}, 0)
    (cleared,) = book.evaluate([], set(), 1)
    assert (cleared.transition, cleared.previous, cleared.level) == ("cleared", "critical", "ok")
    assert "no longer part" in cleared.detail
    assert book.evaluate([], set(), 2) == []
    assert book.standing == []


def standing_after(*used, subject=NODE):
    book = new_book()
    said(book, *used, subject=subject)
    return book.standing


def test_after_a_restart_what_still_stands_is_announced_once(book):
    (before,) = standing_after(85)
    restarted = new_book([before])
    (alert,) = restarted.evaluate([reading(85)], {NODE}, 99)
    assert (alert.transition, alert.previous, alert.level) == ("raised", "ok", "warning")
    assert (alert.id, alert.since, alert.at) == (before.id, before.since, 99)
    assert restarted.evaluate([reading(85)], {NODE}, 100) == []


def test_after_a_restart_hysteresis_goes_on_from_the_level_before():
    restarted = new_book(standing_after(85))
    assert said(restarted, 78, 79, 78) == [RAISED]
    assert said(new_book(), 78) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [(77, ("cleared", "warning", "ok")), (95, ("changed", "warning", "critical"))],
)
def test_what_changed_while_the_monitor_was_down_is_said_once(now, expected):
    restarted = new_book(standing_after(85))
    assert said(restarted, now, now) == [expected]


def test_a_node_that_is_silent_after_a_restart_is_announced_when_it_speaks():
    restarted = new_book(standing_after(85))
    assert restarted.evaluate([], {NODE}, 1) == []
    assert said(restarted, 85) == [RAISED]
