"""The table of rules, and how a figure becomes a level that does not flap."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hand_clock import HandClock

from monitor.condition_book import ConditionBook
from monitor.damping import DampedLevel, raw_level
from monitor.limits import Damping, Limits
from monitor.metric_table import MEANINGS
from monitor.rules import BY_NAME, RULES, Rule, with_limits
from monitor.sample import Sample, Subject, Survey

ABOVE = Rule("r", "m", "node", "above", 0.8, 0.92, "{name} is {value:.0%}", "act", clear=0.03)
BELOW = Rule("r", "m", "node", "below", 14, 3, "{name}: {value} days", "act", clear=1)
NODE = Subject("node", "eu-1")


def test_names_are_unique_and_every_row_says_what_to_do_and_has_a_known_metric():
    assert len(BY_NAME) == len(RULES)
    for rule in RULES:
        assert rule.todo.endswith("."), rule.name
        assert rule.metric in MEANINGS, rule.name
        assert rule.warning is not None or rule.critical is not None
        assert rule.covered_by is None or rule.covered_by in BY_NAME
        assert rule.what.format(name="x", value=1.0, days="1.0 days", note="y")


def test_one_metric_of_one_scope_is_judged_by_one_rule():
    assert len({(rule.metric, rule.scope) for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        (0.79, "ok", "ok"), (0.80, "ok", "warning"), (0.771, "warning", "warning"), (0.77, "warning", "ok"),
        (0.92, "warning", "critical"), (0.891, "critical", "critical"), (0.89, "critical", "warning"),
        (0.5, "critical", "ok"), (0.99, "ok", "critical"),
    ],
)  # fmt: skip
def test_a_level_begins_at_its_threshold_and_ends_below_it(value, before, after):
    assert raw_level(ABOVE, value, before) == after


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [(14, "ok", "ok"), (13.9, "ok", "warning"), (14.9, "warning", "warning"), (15, "warning", "ok"),
     (2.9, "ok", "critical"), (3.9, "critical", "critical"), (4, "critical", "warning"),
     (float("inf"), "critical", "ok")],
)  # fmt: skip
def test_a_level_from_below_ends_above_its_threshold(value, before, after):
    assert raw_level(BELOW, value, before) == after


def test_beginning_and_ending_both_take_their_time():
    rule = Rule("r", "m", "node", "below", None, 1, "", ".", for_seconds=2, keep_seconds=10)
    level, damping, told = DampedLevel(), Damping(), []
    for now, value in [(0, 0), (1, 0), (2, 0), (3, 1), (12, 1), (13, 1)]:
        if level.step(rule, value, float(now), damping):
            told.append((now, level.level))
    assert told == [(2, "critical"), (13, "ok")]


def test_a_blip_shorter_than_its_time_is_never_told():
    rule = Rule("r", "m", "node", "below", None, 1, "", ".", for_seconds=2)
    level = DampedLevel()
    assert not any(level.step(rule, value, now, Damping()) for now, value in [(0.0, 0), (1.0, 0), (1.5, 1)])


def test_what_comes_and_goes_is_told_once_until_it_is_calm():
    rule = Rule("r", "m", "node", "below", None, 1, "", ".", keep_seconds=1)
    level, damping, told = DampedLevel(), Damping(changes=3, window=600, calm=100), []
    values = itertools.chain(itertools.chain.from_iterable([(0, 0), (1, 1, 1)] * 40), [1] * 200)
    for now, value in enumerate(values):
        if level.step(rule, value, float(now), damping):
            told.append(level.level)
    assert told == ["critical", "ok", "critical", "ok"]
    assert not level.idle(400.0, damping)
    assert level.idle(1000.0, damping)


class Books:
    """A condition book with a clock in hand."""

    def __init__(self, *rules, remembered=()):
        self.clock, ids = HandClock(), itertools.count()
        self.book = ConditionBook(rules or RULES, Damping(), self.clock, lambda: str(next(ids)), remembered)

    def see(self, *samples, present=None, whole=True, after=60):
        self.clock.advance(after)
        there = {s.subject for s in samples} if present is None else present
        for _ in range(2):  # twice: what needs time has had it
            self.book.evaluate(Survey(samples, frozenset(there), whole))
            self.clock.advance(after)
        return [(c.rule, c.name, c.level) for c in self.book.standing]


def test_a_condition_says_what_since_when_and_what_to_do():
    books = Books(ABOVE)
    books.see(Sample("m", NODE, 0.85, "eu", "s1"))
    (first,) = books.book.standing
    assert (first.detail, first.todo, first.region, first.threshold) == ("eu-1 is 85%", "act", "eu", 0.8)
    books.see(Sample("m", NODE, 0.95, "eu", "s1"))
    (second,) = books.book.standing
    assert (second.id, second.since, second.level) == (first.id, first.since, "critical")
    assert second.changed > first.changed


def test_a_subject_that_is_gone_is_forgotten_but_not_before_the_whole_is_known():
    books = Books(ABOVE)
    assert books.see(Sample("m", NODE, 0.85)) == [("r", "eu-1", "warning")]
    assert books.see(present=(), whole=False) == [("r", "eu-1", "warning")]
    assert books.see(present=()) == []


def test_no_figure_is_no_news():
    books = Books(ABOVE)
    books.see(Sample("m", NODE, 0.85))
    assert books.see(present={NODE}) == [("r", "eu-1", "warning")]


def test_what_is_remembered_goes_on_with_its_id_and_its_level():
    first = Books(ABOVE)
    first.see(Sample("m", NODE, 0.85))
    second = Books(ABOVE, remembered=first.book.standing)
    assert second.see(Sample("m", NODE, 0.78)) == [("r", "eu-1", "warning")]
    assert second.book.standing[0].id == first.book.standing[0].id
    assert second.see(Sample("m", NODE, 0.7)) == []


def test_silent_nodes_of_a_silent_region_are_covered_and_come_after_their_cause():
    books = Books()
    silent = [
        Sample("atoll_node_up", Subject("node", n), 0, n[:2], "s1", "x") for n in ("eu-1", "eu-2", "us-1")
    ]
    region = Sample("atoll_region_healthy_nodes", Subject("region", "eu"), 0, "eu")
    books.see(*silent, region)
    assert [(c.name, c.covered) for c in books.book.standing] == [
        ("eu", False), ("us-1", False), ("eu-1", True), ("eu-2", True),
    ]  # fmt: skip


def test_the_operators_thresholds_reach_every_rule_of_that_kind():
    rules = {r.name: r for r in with_limits(Limits(0.5, 0.6, 0.01, 30, 7))}
    for name in ("capacity", "set_capacity", "region_capacity"):
        assert (rules[name].warning, rules[name].critical, rules[name].clear) == (0.5, 0.6, 0.01)
    for name in ("days_to_full", "set_days_to_full", "region_days_to_full"):
        assert (rules[name].warning, rules[name].critical) == (30, 7)
    assert rules["stream_full"] == BY_NAME["stream_full"]


@pytest.mark.parametrize(
    ("days", "said"), [(2.5, "2.5 days"), (0.05, "1.2 h"), (90 / 86_400, "1.5 min"), (20 / 86_400, "20 s")]
)
def test_hours_and_minutes_are_not_said_as_no_days(days, said):
    books = Books(BY_NAME["set_days_to_full"])
    books.see(Sample("atoll_set_days_to_full", Subject("set", "s1"), days, note="eu-1 first"))
    assert [c.detail for c in books.book.standing] == [f"set s1 will be full in {said} (eu-1 first)"]


def test_every_sample_that_the_source_makes_has_a_meaning():
    """Names are read from the source: a metric that nobody explains cannot be shown."""

    root = Path(__file__).parents[2] / "monitor"
    makers = ("cluster_survey.py", "engine_watch.py", "service_watch.py", "canary_board.py")
    named = {
        name
        for file in makers
        for name in re.findall(
            r'(?:Sample\(|_of_\w+\([^"]*|^    \()"(atoll_\w+)"', (root / file).read_text(), re.MULTILINE
        )
    }
    assert len(named) > 25
    assert named <= MEANINGS.keys()


def test_what_is_away_now_comes_before_what_will_be_full_one_day():
    order = [rule.name for rule in RULES]
    for away in ("node_silent", "set_down", "nats", "engine"):
        assert order.index(away) < order.index("capacity") < order.index("days_to_full")
