"""Growth over a real NATS, with programs as providers: once only, in spite of rivals, liars and dry runs."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from bus_settings import settings_for
from hand_clock import HandClock

from atoll.bus import Bus
from atoll.errors import Conflict, NotFound
from atoll.model import Position
from atoll.signing import Keys
from monitor.monitor_bucket import MonitorBucket
from monitor.provider_exec import ExecProvider
from monitor.scale_book import ScaleBook
from monitor.scale_calls import ScaleCalls
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_policy import ProviderEntry, RegionPolicy, ScalePolicy
from monitor.scale_run import Scaler

pytestmark = pytest.mark.integration

KEYS = Keys(b"s" * 32)
NODES = tuple(NodeFact(f"{r}-1", r, "s1", True, True, 0.1, 0.1) for r in ("eu", "us"))
FULL = Facts(NODES, frozenset(), frozenset({"eu-1", "us-1", "s1"}), frozenset({"eu", "us"}), {}, {})
LAUNCHED = ("eu-2", "us-2")


@pytest.fixture
def provider(tmp_path):
    """Says that all runs; `heard` has what it was asked."""
    path = tmp_path / "provider"
    path.write_text(
        f'#!/bin/sh\necho "$ATOLL_ACTION $ATOLL_NAME" >> {tmp_path}/heard\n'
        'case "$ATOLL_ACTION" in end) s=absent ;; *) s=running ;; esac\necho "{\\"state\\": \\"$s\\"}"\n'
    )
    path.chmod(0o700)
    return ProviderEntry("exec", (str(path),), timeout_seconds=10)


def policy_of(provider, **changes):
    rules = {region: RegionPolicy() for region in ("eu", "us")}
    return ScalePolicy(provider, rules, **changes)


async def a_token(_one):
    return "token"


@contextlib.asynccontextmanager
async def scaler_on(own_nats, tmp_path, policy, clock, name="one", facts=lambda: FULL):
    bus = Bus(settings_for(tmp_path / name, own_nats.url, name=name))
    async with bus.opened():
        await bus.wait_connected()
        book = ScaleBook(MonitorBucket(bus, KEYS, domain=None, replicas=1))
        place = Position(50, 8)
        mapped = lambda name: facts().mapped(name)  # noqa: E731 - as short as it is
        asked = ExecProvider(policy.provider)
        calls = ScaleCalls(policy, asked, lambda _: place, mapped, a_token, clock.now_ms)
        yield Scaler(policy, book, calls, facts, lambda: True, clock)


def heard(tmp_path):
    file = tmp_path / "heard"
    return sorted(file.read_text().splitlines()) if file.exists() else []


async def test_of_two_monitors_that_decide_at_once_one_launches(own_nats, tmp_path, provider):
    clock, policy = HandClock(), policy_of(provider)
    async with (
        scaler_on(own_nats, tmp_path, policy, clock, "one") as one,
        scaler_on(own_nats, tmp_path, policy, clock, "two") as two,
    ):
        for _ in range(3):
            outcomes = await asyncio.gather(one.turn(), two.turn(), return_exceptions=True)
            assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)
    assert heard(tmp_path) == [f"launch {name}" for name in LAUNCHED]


async def test_a_node_that_never_joins_is_ended_tried_again_given_up_and_told(own_nats, tmp_path, provider):
    clock, policy = HandClock(), policy_of(provider, tries=2)
    async with scaler_on(own_nats, tmp_path, policy, clock) as scaler:
        await scaler.turn()
        clock.advance(policy.join_seconds)
        await scaler.turn()
        assert {s.value for s in _trouble(scaler)} == {1.0}
        clock.advance(policy.retry_seconds)
        await scaler.turn()
        assert heard(tmp_path).count("end eu-2") == 1
        assert heard(tmp_path).count("launch eu-2") == 2
        clock.advance(policy.join_seconds)
        await scaler.turn()
        await scaler.turn()
        assert {i.state for i in scaler.view().instances} == {"given_up"}
        assert {s.value for s in _trouble(scaler)} == {2.0}
        assert "did not join" in _trouble(scaler)[0].note
        assert all(verdict.blocked for verdict in scaler.view().verdicts)
        before = heard(tmp_path)
        clock.advance(86_400)
        await scaler.turn()
        assert heard(tmp_path) == before

        await scaler.order("eu-2", retry=True)
        await scaler.order("us-2", retry=False)
        with pytest.raises(NotFound):
            await scaler.order("us-2", retry=True)
        await scaler.turn()
        assert "eu-2" in {i.name for i in scaler.view().instances if i.state == "launched"}


async def test_the_machine_of_a_node_that_is_in_the_map_is_never_ended_for_it_may_hold_images(
    own_nats, tmp_path, provider
):
    clock, policy = HandClock(), policy_of(provider, tries=2)
    now = [FULL]
    async with scaler_on(own_nats, tmp_path, policy, clock, facts=lambda: now[0]) as scaler:
        await scaler.turn()
        silent = tuple(NodeFact(n, n[:2], "s2", True, False, None, 0.0) for n in LAUNCHED)
        now[0] = FULL._replace(nodes=(*NODES, *silent))
        for seconds in (policy.join_seconds, policy.retry_seconds, policy.join_seconds):
            clock.advance(seconds)
            await scaler.turn()
        assert heard(tmp_path) == [f"{does} {name}" for does in ("launch", "status") for name in LAUNCHED]
        assert {i.state for i in scaler.view().instances} == {"given_up"}
        assert "is in the cluster map, but" in _trouble(scaler)[0].note


async def test_a_node_that_joined_ends_the_story(own_nats, tmp_path, provider):
    clock, policy = HandClock(), policy_of(provider)
    now = [FULL]
    async with scaler_on(own_nats, tmp_path, policy, clock, facts=lambda: now[0]) as scaler:
        await scaler.turn()
        joined = tuple(NodeFact(n, n[:2], "s2", True, True, 0.9, 0.1) for n in LAUNCHED)
        now[0] = FULL._replace(nodes=(*NODES, *joined))
        clock.advance(5000)
        await scaler.turn()
        assert {i.state for i in scaler.view().instances} == {"joined"}
        assert {s.value for s in _trouble(scaler)} == {0.0}
    assert heard(tmp_path) == [f"launch {name}" for name in LAUNCHED]


async def test_a_dry_run_decides_and_explains_and_starts_nothing(own_nats, tmp_path, provider):
    policy = msgspec.structs.replace(policy_of(provider), dry_run=True)
    async with scaler_on(own_nats, tmp_path, policy, HandClock()) as scaler:
        await scaler.turn()
        view = scaler.view()
        assert view.verdicts[0].launches == ("eu-2 in set s2", "us-2 in set s2")
        assert view.instances == ()
    assert heard(tmp_path) == []


def _trouble(scaler):
    return [s for s in scaler.survey().samples if s.metric == "atoll_region_launch_trouble"]
