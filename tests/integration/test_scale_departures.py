"""Nodes that leave, over a real NATS, with a program as provider: step by step, whoever leads, never twice.

The query service is a small stand-in here; the whole way is a story of tests/probe/test_growth.py.
"""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from bus_settings import settings_for
from hand_clock import HandClock
from test_scaling import (  # the same stage: its fixtures are used by name
    KEYS,
    NODES,
    heard,
    policy_of,
    provider,  # noqa: F401
    scaler_on,
)

from atoll.bus import Bus
from atoll.client.proof_views import Drain
from atoll.errors import Conflict, NotFound, Unavailable
from atoll.model import Node, Position
from monitor.monitor_bucket import MonitorBucket
from monitor.provider_exec import ExecProvider
from monitor.scale_book import ScaleBook
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_in_calls import LeaveCalls
from monitor.scale_in_run import Leaver
from monitor.scale_instances import Instance, Scaling

pytestmark = pytest.mark.integration
# Fixtures are arguments of the name they are imported by.
# ruff: noqa: F811

ROOMY = tuple(n._replace(free=0.9, blobs=5) for n in NODES)
GROWN = (*ROOMY, NodeFact("ap-1", "ap", "s1", True, True, 0.9, 0.1, blobs=5),
         NodeFact("eu-2", "eu", "s1", True, True, 0.9, 0.1, blobs=5))  # fmt: skip
FACTS = Facts(GROWN, frozenset(), frozenset(n.name for n in GROWN), frozenset({"ap", "eu", "us"}), {}, {})
JOINED = Instance("eu-2", "eu", "s1", "", 0, "joined")


class Membership:
    """What a query service says of nodes; `waits`: what their drain waits for; `away`: it does not answer."""

    def __init__(self):
        self.states = {n.name: "active" for n in GROWN}
        self.waits, self.away, self.done = ["us-1: lacks 3 images and 0 records"], False, []

    @contextlib.asynccontextmanager
    async def opened(self):
        if self.away:
            raise Unavailable("no query service answers")
        yield self

    async def change_node(self, name, state):
        if self.states[name] == "removed" != state:
            raise Conflict("A removed node does not come back.")
        if state == "removed" and self.waits:
            raise Conflict("Not every image of this node is confirmed.")
        self.states[name] = state
        self.done.append((name, state))
        return Node(name, "eu", "s1", "http://n", state)

    async def seal_set(self, name, *, sealed):
        self.done.append((name, "sealed" if sealed else "open"))

    async def drain(self, name):
        return Drain(name, "s1", self.states[name], not self.waits, waiting_for=tuple(self.waits))


@contextlib.asynccontextmanager
async def stage(own_nats, tmp_path, policy, clock, cluster, facts=FACTS):
    """A scaler with a node that it launched, and `leaver()`: each a monitor that begins to lead."""
    async with (
        scaler_on(own_nats, tmp_path, policy, clock, facts=lambda: facts) as scaler,
        Bus(settings_for(tmp_path / "leaver", own_nats.url, name="leaver")).opened() as bus,
    ):
        await bus.wait_connected()
        book = ScaleBook(MonitorBucket(bus, KEYS, domain=None, replicas=1))
        await book.write(Scaling((JOINED,)), None)
        asked = ExecProvider(policy.provider)

        def leaver():
            place = Position(50, 8)
            calls = LeaveCalls(policy, asked, lambda _: place, cluster.opened, clock.now_ms)
            return Leaver(book, calls, lambda: True)

        yield scaler, leaver, book


async def state(book):
    (one,) = (await book.read()).scaling.departures
    return one.state


async def test_a_node_is_drained_removed_and_ended_whoever_leads(own_nats, tmp_path, provider):
    clock, cluster, policy = HandClock(), Membership(), policy_of(provider)
    async with stage(own_nats, tmp_path, policy, clock, cluster) as (scaler, leaver, book):
        assert [d.name for d in await scaler.leave("eu-2", dry_run=True)] == ["eu-2"]
        assert (await book.read()).scaling.departures == ()
        await scaler.leave("eu-2")
        assert [d.state for d in scaler.view().departures] == ["recorded"]
        with pytest.raises(Conflict, match="leaving already"):
            await scaler.leave("eu-2")
        cluster.away = True
        await leaver().turn()
        assert await state(book) == "recorded"
        await scaler.turn()
        assert "no query service answers" in _trouble(scaler)[0].note
        cluster.away = False
        for _ in range(3):
            await leaver().turn()  # another monitor each time
        assert await state(book) == "draining"
        assert heard(tmp_path) == []
        await scaler.turn()
        assert scaler.view().departures[0].waits == "us-1: lacks 3 images and 0 records"
        assert _trouble(scaler)[0].value == 0

        cluster.waits = []
        for _ in range(4):
            await leaver().turn()
        assert await state(book) == "ended"
        assert cluster.done == [("eu-2", "draining"), ("eu-2", "removed")]
        assert heard(tmp_path) == ["end eu-2"]
        assert (await book.read()).scaling.instances == ()
        with pytest.raises(Conflict, match="nothing waits"):
            await scaler.order("eu-2", retry=False)


async def test_a_drain_that_takes_too_long_is_taken_back_told_and_forgotten_by_order(
    own_nats, tmp_path, provider
):
    clock, cluster, policy = HandClock(), Membership(), policy_of(provider, drain_seconds=60)
    async with stage(own_nats, tmp_path, policy, clock, cluster) as (scaler, leaver, book):
        await scaler.leave("eu-2")
        for _ in range(2):
            await leaver().turn()
        clock.advance(60)
        for _ in range(2):
            await leaver().turn()
        assert await state(book) == "taken_back"
        assert cluster.states["eu-2"] == "active"
        await scaler.turn()
        assert _trouble(scaler)[0].value == 1
        assert "not drained within 60 s: us-1: lacks 3 images" in _trouble(scaler)[0].note
        with pytest.raises(Conflict, match="atoll scale in"):
            await scaler.order("eu-2", retry=True)
        await scaler.order("eu-2", retry=False, dry_run=True)
        assert await state(book) == "taken_back"
        await scaler.order("eu-2", retry=False)
        assert (await book.read()).scaling == Scaling((JOINED,))


async def test_a_whole_set_is_sealed_first_and_one_that_is_late_is_told_and_not_taken_back(
    own_nats, tmp_path, provider
):
    clock, cluster, policy = HandClock(), Membership(), policy_of(provider, drain_seconds=60)
    unused = tuple(NodeFact(f"{r}-9", r, "s9", True, True, 0.9, 0.1, blobs=0) for r in ("eu", "us"))
    cluster.states |= {"eu-9": "active", "us-9": "active"}
    facts = FACTS._replace(nodes=(*GROWN, *unused))
    async with stage(own_nats, tmp_path, policy, clock, cluster, facts) as (scaler, leaver, book):
        await scaler.leave("s9")
        await leaver().turn()
        assert sorted(cluster.done) == [("eu-9", "draining"), *[("s9", "sealed")] * 2, ("us-9", "draining")]
        clock.advance(60)
        for _ in range(2):
            await leaver().turn()
        await scaler.turn()
        assert {d.state for d in scaler.view().departures} == {"draining"}
        assert "not drained within 60 s" in _trouble(scaler)[0].note
        cluster.waits = []
        for _ in range(2):
            await leaver().turn()
        assert {d.state for d in (await book.read()).scaling.departures} == {"ended"}
        assert heard(tmp_path) == [], "nobody launched them"


async def test_a_person_who_takes_the_node_back_is_heard(own_nats, tmp_path, provider):
    cluster = Membership()
    async with stage(own_nats, tmp_path, policy_of(provider), HandClock(), cluster) as (scaler, leaver, book):
        await scaler.leave("eu-2")
        await leaver().turn()
        cluster.states["eu-2"] = "active"
        cluster.waits = []
        await leaver().turn()
        assert await state(book) == "taken_back"
        assert "eu-2" in {i.name for i in (await book.read()).scaling.instances}
        await scaler.turn()
        assert _trouble(scaler)[0].value == 0
        await scaler.leave("eu-2")
        assert await state(book) == "recorded"


@pytest.mark.parametrize("turns", [0, 1])
async def test_the_machine_of_a_node_that_somebody_else_removed_meanwhile_is_ended(
    own_nats, tmp_path, provider, turns
):
    """A person, or the monitor that led before: while its region called it back, or before it was drained."""
    cluster = Membership()
    async with stage(own_nats, tmp_path, policy_of(provider), HandClock(), cluster) as (scaler, leaver, book):
        await scaler.leave("eu-2")
        for _ in range(turns):
            await leaver().turn()
        if turns:
            await book.change(_called_back)
        cluster.states["eu-2"] = "removed"
        for _ in range(2):
            await leaver().turn()
        assert await state(book) == "ended"
        assert heard(tmp_path) == ["end eu-2"]


def _called_back(scaling):
    """As when its region has to grow."""
    (one,) = scaling.departures
    return Scaling(scaling.instances, (msgspec.structs.replace(one, state="returning"),))


async def test_a_machine_that_does_not_end_is_told_given_up_and_tried_again_by_order(
    own_nats, tmp_path, provider
):
    good = (tmp_path / "provider").read_text()
    (tmp_path / "provider").write_text("#!/bin/sh\necho the cloud is away >&2\nexit 3\n")
    clock, cluster, policy = HandClock(), Membership(), policy_of(provider, tries=2, retry_seconds=30)
    cluster.waits = []
    async with stage(own_nats, tmp_path, policy, clock, cluster) as (scaler, leaver, book):
        await scaler.leave("eu-2")
        for _ in range(4):
            await leaver().turn()
        assert await state(book) == "removed"
        await scaler.turn()
        assert "the cloud is away" in _trouble(scaler)[0].note
        clock.advance(30)
        await leaver().turn()
        await scaler.turn()
        assert (await state(book), _trouble(scaler)[0].value) == ("given_up", 2)
        (tmp_path / "provider").write_text(good)
        await scaler.order("eu-2", retry=True)
        await leaver().turn()
        assert await state(book) == "ended"


async def test_a_policy_that_is_a_dry_run_lets_nothing_leave(own_nats, tmp_path, provider):
    policy = msgspec.structs.replace(policy_of(provider), dry_run=True)
    async with stage(own_nats, tmp_path, policy, HandClock(), Membership()) as (scaler, _, book):
        assert [d.name for d in await scaler.leave("eu-2", dry_run=True)] == ["eu-2"]
        with pytest.raises(Conflict, match="dry_run"):
            await scaler.leave("eu-2")
        with pytest.raises(NotFound):
            await scaler.leave("mars-1")
        assert (await book.read()).scaling.departures == ()


def _trouble(scaler):
    wanted = ("atoll_region_leave_trouble", "eu")
    return [s for s in scaler.survey().samples if (s.metric, s.subject.name) == wanted]
