"""When the cluster shrinks, by what, and what forbids it: decisions from facts, without a cluster."""

from __future__ import annotations

import msgspec
import pytest

from atoll.errors import Conflict, NotFound
from monitor.scale_departures import MAX_KEPT, Departure, into, late, not_ended, pruned, rests
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_in_rules import Known
from monitor.scale_in_run import stepped_on
from monitor.scale_instances import Instance, Scaling
from monitor.scale_orders import again, forgotten, leaving
from monitor.scale_plan import planned
from monitor.scale_policy import ProviderEntry, RegionPolicy, ScalePolicy, ShrinkPolicy

NOW = 1_800_000_000_000
HOUR = 3_600_000
ASKED = ShrinkPolicy(cpu_percent=10, minutes=60, cooldown_seconds=3600)


def policy(shrink=ASKED, **rule):
    rules = {name: RegionPolicy(shrink=shrink, **rule) for name in ("ap", "eu", "us")}
    return ScalePolicy(ProviderEntry("exec", ("/bin/true",)), rules)


def node(name, set_name="s1", blobs=100, room=10**9, **changes):
    made = NodeFact(name, name[:2], set_name, True, True, 0.5, 0.01, 10**6, room, blobs)
    return made._replace(**changes)


THREE = (node("ap-1"), node("eu-1"), node("us-1"))
OTHERS = (node("us-2", "s2"), node("eu-1", "s2"))
GROWN = (*THREE, node("eu-2"))
JOINED = Instance("eu-2", "eu", "s1", "", NOW - 9 * HOUR, "joined", since=NOW - 9 * HOUR)


def facts(nodes=GROWN, idle=3600.0, sealed=(), **changes):
    names = frozenset(n.name for n in nodes)
    made = Facts(tuple(nodes), frozenset(sealed), names, frozenset({"ap", "eu", "us"}), {}, {}, {"eu": idle})
    return made._replace(**changes)


def look(some=None, seen=None, known=None, now=NOW):
    return planned(some or policy(), seen or facts(), known or Known([JOINED], []), now)


def at_least(nodes):
    """The usual policy, but for eu's minimum."""
    some = policy()
    return msgspec.structs.replace(some, region=some.region | {"eu": RegionPolicy(shrink=ASKED, min=nodes)})


def leavers(plan):
    return [(d.name, d.state, d.launched) for d in plan.scaling.departures if d.state == "recorded"]


def eu(plan):
    return next(verdict for verdict in plan.verdicts if verdict.region == "eu")


def test_a_replica_that_was_not_needed_for_long_leaves_and_it_is_said_why():
    plan = look()
    assert leavers(plan) == [("eu-2", "recorded", True)]
    assert eu(plan).leaves == ("eu-2 of set s1",)
    assert "with a node less eu was below 10 % for 60.0 minutes" in eu(plan).why[-1]


def test_nothing_leaves_unless_asked():
    assert leavers(look(policy(shrink=None))) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seen": facts(idle=3599.0)}, "it shrinks after 60"),
        ({"seen": facts()._replace(idle={})}, "is above 10 %"),
        ({"some": at_least(2)}, "fewer than its minimum of 2"),
        ({"known": Known([], [])}, "no node here was started by the provider"),
        ({"seen": facts((node("us-1"), node("eu-2"), *OTHERS))}, "would stand in us alone"),
        ({"seen": facts((*THREE[:2], node("us-1", healthy=False), node("eu-2")))}, "is not healthy"),
        ({"seen": facts((*THREE[:2], node("us-1", blobs=50, room=1000), node("eu-2")))}, "has room for 1000"),
        ({"seen": facts((*THREE[:2], node("us-1", blobs=None), node("eu-2")))}, "not said what it holds"),
        ({"known": Known([msgspec.structs.replace(JOINED, since=NOW - HOUR + 1)], [])}, "cools down"),
        ({"known": Known([JOINED, Instance("ap-2", "ap", "s2", "", NOW)], [])}, "ap-2 is being started"),
        ({"seen": facts((*GROWN, node("us-2", active=False)))}, "us-2 is leaving"),
    ],
)
def test_what_forbids_it_is_said(changes, why):
    plan = look(**changes)
    assert leavers(plan) == []
    assert why in eu(plan).why[-1]


def test_a_region_does_not_cool_down_for_longer_than_it_says_after_a_clock_was_put_back():
    ahead = msgspec.structs.replace(JOINED, since=NOW + 9000 * HOUR)
    assert leavers(look(known=Known([ahead], []))) == [("eu-2", "recorded", True)]


def test_what_others_lack_and_have_room_for_is_no_reason_to_stay():
    lacking = facts((*THREE[:2], node("us-1", blobs=50, room=600_000), node("eu-2")))
    assert leavers(look(seen=lacking)) == [("eu-2", "recorded", True)]


def test_one_node_leaves_at_a_time_and_the_newest_first():
    more = Instance("eu-3", "eu", "s1", "", NOW - 8 * HOUR, "joined")
    seen = facts((*GROWN, node("eu-3")))
    first = look(seen=seen, known=Known([JOINED, more], []))
    assert leavers(first) == [("eu-3", "recorded", True)]
    then = look(seen=seen, known=Known([JOINED, more], first.scaling.departures), now=NOW + 9 * HOUR)
    assert leavers(then) == [("eu-3", "recorded", True)]
    assert "eu-3 is leaving" in eu(then).why[-1]


def test_two_regions_do_not_shrink_at_once():
    idle = facts((*GROWN, node("us-2")))._replace(idle={"eu": 3600.0, "us": 3600.0})
    known = Known([JOINED, Instance("us-2", "us", "s1", "", NOW - 9 * HOUR, "joined")], [])
    plan = look(seen=idle, known=known)
    assert leavers(plan) == [("eu-2", "recorded", True)]
    assert next(v for v in plan.verdicts if v.region == "us").why[-1].endswith("eu-2 leaves first")


def test_nothing_leaves_while_a_region_has_to_grow():
    full = facts(tuple(n._replace(free=0.1) for n in GROWN))
    assert leavers(look(policy(max=1), full)) == []


def test_a_node_that_leaves_comes_back_when_its_region_has_to_grow_and_none_is_started_meanwhile():
    gone = Departure("eu-2", "eu", "s1", "", NOW - HOUR, "draining", NOW - HOUR, launched=True)
    plan = look(seen=facts(busy={"eu": 600.0})._replace(idle={}), known=Known([JOINED], [gone]))
    assert [d.state for d in plan.scaling.departures] == ["returning"]
    assert "eu-2 was leaving and is taken back first" in eu(plan).blocked
    assert plan.scaling.instances == (JOINED,)
    by_hand = msgspec.structs.replace(gone, by_hand=True)
    plan = look(seen=facts(busy={"eu": 600.0})._replace(idle={}), known=Known([JOINED], [by_hand]))
    assert [d.state for d in plan.scaling.departures] == ["draining"]


def test_load_that_goes_up_and_down_moves_nothing():
    """An hour of quiet between two busy ones, for ten days: the region grows once and keeps what it has."""
    some, nodes, known = policy(max=3), list(THREE), Known([], [])
    grown = left = 0
    for hour in range(240):
        now = NOW + hour * HOUR
        busy = {"eu": 3599.0} if hour % 2 else {}
        idle = {} if hour % 2 else {"eu": 3599.0}
        plan = look(some, facts(nodes, busy=busy)._replace(idle=idle), known, now)
        new = [i for i in plan.scaling.instances if i.state == "recorded"]
        grown, left = grown + len(new), left + len(leavers(plan))
        nodes += [node(i.name, blobs=100) for i in new]
        joined = [msgspec.structs.replace(i, state="joined", since=now) for i in plan.scaling.instances]
        known = Known(joined, plan.scaling.departures)
    assert (grown, left) == (2, 0)


def test_a_person_may_have_a_node_leave_that_nobody_launched():
    made, gone = leaving(Scaling(), "eu-1", policy(None), facts(), NOW)
    assert [(d.name, d.launched, d.by_hand, d.whole) for d in gone] == [("eu-1", False, True, False)]
    assert made.departures == tuple(gone)
    with pytest.raises(Conflict, match="leaving already"):
        leaving(made, "eu-1", policy(None), facts(), NOW)


@pytest.mark.parametrize(
    ("name", "seen", "why"),
    [
        ("us-1", facts(), "eu-2"),
        ("s1", facts(), "whose URLs name it"),
        ("s2", facts((*THREE, node("ap-2", "s2", 0), node("eu-2", "s2", 3))), "holds 3 blobs"),
        ("s1", facts(tuple(n._replace(blobs=0) for n in THREE)), "no other set takes uploads"),
        ("s2", facts((*THREE, node("ap-2", "s2", 0, healthy=False))), "does not say what it holds"),
    ],
)
def test_a_person_is_told_why_something_stays(name, seen, why):
    two = facts((node("eu-1"), node("us-1"), node("eu-2"))) if name == "us-1" else seen
    with pytest.raises(Conflict, match="stand in eu alone" if name == "us-1" else why):
        leaving(Scaling(), name, policy(None), two, NOW)


def test_a_whole_set_that_never_held_anything_leaves_unless_a_region_needs_it():
    seen = facts((*THREE, node("ap-2", "s2", 0), node("eu-2", "s2", 0)))
    _, gone = leaving(Scaling((JOINED,)), "s2", policy(None), seen, NOW)
    assert [(d.name, d.whole, d.launched) for d in gone] == [("ap-2", True, False), ("eu-2", True, True)]
    with pytest.raises(Conflict, match="minimum"):
        leaving(Scaling(), "s2", policy(None, min=2), seen, NOW)
    with pytest.raises(NotFound):
        leaving(Scaling(), "s3", policy(None), seen, NOW)


def test_a_node_that_is_drained_already_does_not_count_towards_the_minimum():
    going = (*THREE[:1], node("eu-1", active=False), THREE[2], node("ap-2"), node("eu-2"), node("eu-3"))
    with pytest.raises(Conflict, match="would have 1 node, fewer than its minimum of 2"):
        leaving(Scaling(), "eu-2", at_least(2), facts(going), NOW)


def test_a_drain_that_takes_too_long_is_late_and_a_machine_that_does_not_end_is_given_up():
    one = Departure("eu-2", "eu", "s1", "", NOW, "draining", NOW)
    assert not late(one, NOW + 24 * HOUR - 1, policy())
    assert late(one, NOW + 24 * HOUR, policy())
    gone = into(one, "removed", NOW)
    for _ in range(policy().tries):
        assert gone.state == "removed"
        gone = not_ended(gone, "no", NOW, policy())
    assert (gone.state, gone.error) == ("given_up", "no")
    assert not rests(0, NOW)
    assert rests(NOW + HOUR, NOW)
    assert not rests(NOW + 9000 * HOUR, NOW), "a clock was put back"
    some = Scaling(departures=(gone,))
    assert again(some, "eu-2", NOW).departures[0].state == "removed"
    assert forgotten(some, "eu-2").departures == ()


def test_a_step_does_not_overwrite_what_was_ordered_meanwhile():
    one = Departure("eu-2", "eu", "s1", "", NOW, "draining", NOW)
    back, removed = into(one, "returning", NOW), into(one, "removed", NOW)
    assert stepped_on(Scaling(departures=(back,)), [(one, removed)]).departures == (back,)
    after = stepped_on(Scaling((JOINED,), (one,)), [(one, removed)])
    assert (after.departures, after.instances) == ((removed,), ())


def test_departures_that_are_over_are_remembered_up_to_a_bound():
    over = tuple(Departure(f"eu-{n}", "eu", "s1", "", n, "ended", n) for n in range(MAX_KEPT + 5))
    going = Departure("us-1", "us", "s1", "", 0, "draining", 0)
    kept = pruned((going, *over))
    assert len(kept) == MAX_KEPT + 1
    assert kept[0] == going
    assert kept[1].name == "eu-5"
