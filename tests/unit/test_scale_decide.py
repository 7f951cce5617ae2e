"""When the cluster grows, by what, and what forbids it: decisions from facts, without a cluster."""

from __future__ import annotations

import msgspec
import pytest

from monitor.scale_decide import decide
from monitor.scale_departures import Departure
from monitor.scale_facts import Facts, NodeFact, Settled, silent_sets
from monitor.scale_instances import Instance, asked, failed, is_due, moved_on
from monitor.scale_needs import SILENT_SECONDS
from monitor.scale_policy import ProviderEntry, RegionPolicy, ScalePolicy

NOW = 1_800_000_000_000
HOUR = 3_600_000


def policy(regions=("ap", "eu", "us"), budget=None, **rule):
    rules = {name: RegionPolicy(**rule) for name in regions}
    return ScalePolicy(ProviderEntry("exec", ("/bin/true",)), rules, monthly_budget=budget)


def node(region, set_name="s1", number=1, free=0.5, load=0.1, active=True):
    return NodeFact(f"{region}-{number}", region, set_name, active, True, free, load)


def facts(*nodes, sealed=(), days=None, busy=None):
    names = frozenset({n.name for n in nodes} | {n.set for n in nodes})
    regions = frozenset({"ap", "eu", "us"})
    return Facts(tuple(nodes), frozenset(sealed), names, regions, days or {}, busy or {})


def full(**changes):
    return facts(*(node(r, free=0.1) for r in ("ap", "eu", "us")), **changes)


def by_region(verdicts):
    return {verdict.region: verdict for verdict in verdicts}


def test_a_cluster_with_room_stays_as_it_is_and_says_why():
    verdicts, new = decide(policy(), facts(node("ap"), node("eu"), node("us")), [], NOW)
    assert new == []
    assert by_region(verdicts)["eu"].why == ("set s1 has room: 50% free",)


def test_a_set_that_is_nearly_full_is_followed_by_a_whole_new_one_in_the_same_regions():
    verdicts, new = decide(policy(), full(), [], NOW)
    assert {(i.name, i.region, i.set) for i in new} == {
        ("ap-2", "ap", "s2"),
        ("eu-2", "eu", "s2"),
        ("us-2", "us", "s2"),
    }
    assert [v.grows for v in verdicts] == [True, False, False]
    assert "less than 20 %" in verdicts[0].why[0]
    assert "set s2 is being started" in verdicts[1].why[0]


def test_a_forecast_is_enough():
    calm = facts(node("eu"), node("us"), days={"s1": 3.0})
    assert {i.set for i in decide(policy(("eu", "us")), calm, [], NOW)[1]} == {"s2"}
    assert decide(policy(("eu", "us"), forecast_days=2), calm, [], NOW)[1] == []
    assert decide(policy(("eu", "us"), forecast_days=0), calm, [], NOW)[1] == []


def test_another_set_with_room_makes_growth_needless_unless_it_is_sealed():
    second = [node(r, "s2", 2) for r in ("ap", "eu", "us")]
    nodes = [*full().nodes, *second]
    assert decide(policy(), facts(*nodes), [], NOW)[1] == []
    assert {i.set for i in decide(policy(), facts(*nodes, sealed={"s2"}), [], NOW)[1]} == {"s3"}


def test_replicas_that_are_being_started_for_a_sealed_set_are_no_room_for_images():
    coming = [Instance(f"{r}-3", r, "s0", "", NOW - HOUR, "launched") for r in ("eu", "us")]
    nodes = [node(r, name, free=0.1) for r in ("eu", "us") for name in ("s0", "s1")]
    new = decide(policy(("eu", "us")), facts(*nodes, sealed={"s0"}), coming, NOW)[1]
    assert {i.set for i in new} == {"s2"}


def test_when_every_set_was_sealed_uploads_get_a_new_one():
    two = [node("eu", free=0.05), node("us", free=0.05)]
    verdicts, new = decide(policy(("eu", "us")), facts(*two, sealed={"s1"}), [], NOW)
    assert {(i.region, i.set) for i in new} == {("eu", "s2"), ("us", "s2")}
    assert verdicts[0].why[0] == "no set takes uploads: all of them are sealed"
    assert decide(policy(("eu", "us")), facts(*two, sealed={"s1"}), new, NOW + HOUR)[1] == []
    elsewhere = [node("ap", "s2"), node("mars", "s2")]
    assert decide(policy(("eu", "us")), facts(*two, *elsewhere, sealed={"s1"}), [], NOW)[1] == []


def test_a_set_that_died_after_it_joined_is_no_room_for_images():
    """Its nodes' last words, or none at all, say that it is empty."""
    dead = [node(r, "s2", 2, free=None)._replace(healthy=False, suspect=True) for r in ("ap", "eu", "us")]
    nodes = [*full().nodes, *dead]
    soon = facts(*nodes)._replace(silent={"s2": SILENT_SECONDS - 1})
    assert decide(policy(), soon, [], NOW)[1] == [], "machines restart"
    late = facts(*nodes)._replace(silent={"s2": SILENT_SECONDS})
    verdicts, new = decide(policy(), late, [], NOW)
    assert {i.set for i in new} == {"s3"}
    assert "set s2 has not been heard for 15 minutes" in verdicts[0].why[0]
    alone = facts(*dead)._replace(silent={"s2": SILENT_SECONDS})
    verdicts, new = decide(policy(), alone, [], NOW)
    assert (new, verdicts[0].why[0]) == ([], "set s2 has not been heard for 15 minutes")


def test_a_set_is_silent_when_no_active_member_of_it_is_heard():
    dead = node("eu", "s2")._replace(healthy=False, suspect=True)
    unknown = node("us", "s2")._replace(healthy=False)
    assert silent_sets([dead, node("us"), node("ap", "s2", active=False)]) == {"s2"}
    assert silent_sets([dead, unknown]) == set()
    assert silent_sets([dead, node("us", "s2")]) == set()


def test_nothing_is_started_twice():
    _, new = decide(policy(), full(), [], NOW)
    assert decide(policy(), full(), new, NOW + HOUR)[1] == []


def test_a_set_always_has_two_regions():
    verdicts, new = decide(policy(("eu",)), full(), [], NOW)
    assert new == []
    assert "two regions" in by_region(verdicts)["eu"].blocked


def test_a_region_at_its_maximum_is_left_out_and_growth_ends_when_one_is_left():
    rules = {"ap": RegionPolicy(max=1), "eu": RegionPolicy(), "us": RegionPolicy()}
    some = msgspec.structs.replace(policy(), region=rules)
    assert {i.region for i in decide(some, full(), [], NOW)[1]} == {"eu", "us"}
    verdicts, new = decide(policy(max=1), full(), [], NOW)
    assert new == []
    assert all("maximum" in verdict.blocked for verdict in verdicts)


def test_growth_rests_between_two_steps():
    joined = [Instance(f"{r}-2", r, "s2", "", NOW, "joined") for r in ("ap", "eu", "us")]
    nodes = [*full().nodes, *(node(r, "s2", 2, free=0.1) for r in ("ap", "eu", "us"))]
    soon, late = NOW + 599_000, NOW + 600_000
    verdicts, new = decide(policy(), facts(*nodes), joined, soon)
    assert new == []
    assert "cools down" in verdicts[0].blocked
    assert {i.set for i in decide(policy(), facts(*nodes), joined, late)[1]} == {"s3"}


@pytest.mark.parametrize(("budget", "regions"), [(60, set()), (50, set()), (39, set()), (None, {"eu", "us"})])
def test_the_budget_is_kept_for_the_whole_set(budget, regions):
    two = facts(node("eu", free=0.1), node("us", free=0.1))
    known = policy(("eu", "us"), budget, monthly_cost=20)
    verdicts, new = decide(known, two, [], NOW)
    assert {i.region for i in new} == regions
    if not regions:
        assert "month" in verdicts[0].blocked
    assert {i.region for i in decide(policy(("eu", "us"), 80, monthly_cost=20), two, [], NOW)[1]} == {
        "eu",
        "us",
    }


@pytest.mark.parametrize(("price", "budget"), [(20.0, 120.0), (1.1, 6.6), (2.7, 16.2)])
def test_a_budget_may_be_used_up_to_the_cent(price, budget):
    """As a sum of floats 6 × 1.1 is a little more than 6.6."""
    three = full()
    assert len(decide(policy(budget=budget, monthly_cost=price), three, [], NOW)[1]) == 3
    assert decide(policy(budget=budget - 0.01, monthly_cost=price), three, [], NOW)[1] == []


def test_a_set_that_leaves_whole_is_neither_refilled_nor_room():
    """Its members are told one after the other: for a moment it stands in one region."""
    gone = [
        Departure(f"{r}-2", r, "s2", "", NOW, state, NOW, whole=True, by_hand=True)
        for r, state in (("eu", "draining"), ("us", "recorded"))
    ]
    leaving = [node("eu", "s2", 2, active=False), node("us", "s2", 2)]
    calm = facts(node("eu"), node("us"), *leaving)
    assert decide(policy(("ap", "eu", "us"), min=1), calm, [], NOW, gone)[1] == [
        Instance("ap-1", "ap", "s1", "ap has 0 nodes, fewer than 1", NOW, since=NOW)
    ]
    tight = facts(node("eu", free=0.1), node("us", free=0.1), *leaving)
    assert {i.set for i in decide(policy(("eu", "us")), tight, [], NOW, gone)[1]} == {"s3"}
    over = [msgspec.structs.replace(one, state="taken_back") for one in gone]
    assert {i.set for i in decide(policy(("ap", "eu", "us")), calm, [], NOW, over)[1]} == {"s2"}


def test_less_than_a_tenth_of_a_day_is_said_in_hours_or_less():
    soon = facts(node("eu"), node("us"), days={"s1": 90 / 86_400})
    said = decide(policy(("eu",), forecast_days=0), soon, [], NOW)[0][0].why[0]
    assert said == "set s1 has room: 50% free, full in 1.5 min"
    said = decide(policy(("eu",)), soon, [], NOW)[0][0].why[0]
    assert said == "set s1 will be full in 1.5 min, less than 7 days"
    later = facts(node("eu"), node("us"), days={"s1": 3.0})
    assert "full in 3.0 days" in decide(policy(("eu",)), later, [], NOW)[0][0].why[0]


def test_a_set_that_lost_its_second_region_is_refilled():
    alone = facts(node("eu"))
    _, new = decide(policy(("eu", "us")), alone, [], NOW)
    assert [(i.region, i.set) for i in new] == [("us", "s1")]


def test_a_draining_member_does_not_count_as_a_region_of_its_set():
    leaving = facts(node("eu"), node("us", active=False))
    _, new = decide(policy(("ap", "eu", "us")), leaving, [], NOW)
    assert [(i.region, i.set) for i in new] == [("ap", "s1")]


def test_a_region_below_its_minimum_gets_a_replica():
    two = facts(node("eu"), node("us"))
    _, new = decide(policy(("ap",), min=1), two, [], NOW)
    assert [(i.region, i.set) for i in new] == [("ap", "s1")]


def test_busy_processors_get_one_more_replica_until_the_maximum():
    known, instances, nodes = policy(("eu",), max=3, cooldown_seconds=0), [], [node("eu"), node("us")]
    for number in range(2, 8):
        busy = facts(*nodes, busy={"eu": 600.0})
        verdicts, new = decide(known, busy, instances, NOW + number * HOUR)
        instances += [msgspec.structs.replace(one, state="joined") for one in new]
        nodes += [NodeFact(one.name, "eu", one.set, True, True, 0.5, 0.9) for one in new]
    assert sum(n.region == "eu" for n in nodes) == 3
    assert "maximum" in verdicts[0].blocked


def test_processors_must_be_busy_for_long_enough():
    two = [node("eu"), node("us")]
    verdicts, new = decide(policy(("eu",)), facts(*two, busy={"eu": 599.0}), [], NOW)
    assert new == []
    assert "it grows after 10" in verdicts[0].why[-1]
    assert len(decide(policy(("eu",)), facts(*two, busy={"eu": 600.0}), [], NOW)[1]) == 1


def test_a_launch_that_was_given_up_holds_up_its_region_until_somebody_looked():
    given_up = Instance("eu-2", "eu", "s2", "", NOW - HOUR, "given_up")
    verdicts, new = decide(
        policy(("eu", "us")), facts(node("eu"), node("us"), days={"s1": 1.0}), [given_up], NOW
    )
    assert new == []
    assert "given up" in by_region(verdicts)["eu"].blocked


def test_a_region_that_the_map_does_not_know_is_begun_by_hand():
    verdicts, new = decide(policy(("mars",), min=1), full(), [], NOW)
    assert new == []
    assert "by hand" in verdicts[0].blocked


def test_nothing_is_grown_while_the_cluster_is_still_coming_together():
    settled = Settled(10)
    assert not settled.look(frozenset(), 0, heard=True)
    assert not settled.look(frozenset(), 100, heard=True)
    assert not settled.look(frozenset({"eu-1"}), 101, heard=True)
    assert not settled.look(frozenset({"eu-1", "us-1"}), 110, heard=True)
    assert not settled.look(frozenset({"eu-1", "us-1"}), 119.9, heard=True)
    assert settled.look(frozenset({"eu-1", "us-1"}), 120, heard=True)


def test_nothing_is_grown_on_old_figures_while_and_after_nodes_cannot_be_heard():
    settled, names = Settled(10), frozenset({"eu-1", "us-1"})
    assert not settled.look(names, 0, heard=True)
    assert settled.look(names, 10, heard=True)
    assert not settled.look(names, 11, heard=False)
    assert not settled.look(names, 100, heard=False)
    assert not settled.look(names, 101, heard=True)
    assert settled.look(names, 111, heard=True)


def test_names_are_never_used_again():
    gone = full()._replace(names=full().names | {"eu-2", "eu-3", "s2"})
    _, new = decide(policy(), gone, [], NOW)
    assert {i.set for i in new} == {"s3"}
    assert "eu-4" in {i.name for i in new}


def test_a_node_that_never_joins_is_tried_again_and_then_given_up():
    known = policy()
    one, now = Instance("eu-2", "eu", "s2", "", NOW), NOW
    for _ in range(known.tries):
        assert is_due(one, now)
        one = msgspec.structs.replace(asked(one, now), state="launched")
        now += int(known.join_seconds * 1000) - 1
        assert moved_on(one, here=False, now=now, policy=known) == one
        one = moved_on(one, here=False, now=now + 1, policy=known)
        assert one.overdue
        now = max(now + 1, one.due_at)
    assert one.state == "given_up"
    assert "did not join" in one.error
    assert moved_on(one, here=True, now=now, policy=known).state == "joined"


def test_a_clock_that_was_put_back_holds_up_no_more_than_what_it_measures():
    """What was written down while it was ahead lies in the future now: years, perhaps."""
    year = 365 * 24 * HOUR
    ahead = Instance("eu-2", "eu", "s2", "", NOW + year, "joined", since=NOW + year)
    assert {i.region for i in decide(policy(), full(), [ahead], NOW)[1]} == {"ap", "eu", "us"}
    resting = msgspec.structs.replace(ahead, state="recorded", tries=1, due_at=NOW + year)
    assert is_due(resting, NOW)
    assert not is_due(msgspec.structs.replace(resting, due_at=NOW + HOUR), NOW)
    for state in ("asked", "launched"):
        waiting = msgspec.structs.replace(ahead, state=state, tries=1)
        waiting = moved_on(waiting, here=False, now=NOW, policy=policy())
        assert (waiting.state, waiting.since) == (state, NOW)
        assert moved_on(waiting, here=False, now=NOW + 900_000, policy=policy()).state == "recorded"


def test_rests_between_tries_grow_up_to_an_hour():
    known = msgspec.structs.replace(policy(), tries=20)
    rests = [(failed(Instance("a", "eu", "s", "", 0, tries=n), "no", 0, known).due_at) for n in range(1, 20)]
    assert rests[:3] == [30_000, 60_000, 120_000]
    assert rests[-1] == HOUR


def test_whoever_finds_a_launch_that_nobody_goes_on_with_waits_until_the_other_must_have_ended():
    known = policy()
    one = asked(Instance("eu-2", "eu", "s2", "", NOW), NOW)
    assert moved_on(one, here=False, now=NOW + 369_000, policy=known) == one
    after = moved_on(one, here=False, now=NOW + 370_000, policy=known)
    assert (after.state, after.tries, after.overdue) == ("recorded", 1, False)
