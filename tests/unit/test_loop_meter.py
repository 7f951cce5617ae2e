"""The loop's lag is told from a machine that is busy with something else."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from atoll.loop_meter import IDLE_PERIOD_SECONDS, PERIOD_SECONDS, LoopMeter


@pytest.fixture
def registry():
    return CollectorRegistry()


def above(registry: CollectorRegistry, name: str, seconds: float) -> float:
    total = registry.get_sample_value(f"{name}_count")
    within = registry.get_sample_value(f"{name}_bucket", {"le": str(seconds)})
    return total - within


def test_a_loop_that_computes_while_others_wait_is_late_and_busy(registry):
    LoopMeter(registry).woken(passed=0.09, computed=0.075)
    assert above(registry, "atoll_loop_lag_seconds", 0.05) == 1
    assert above(registry, "atoll_loop_busy_seconds", 0.05) == 1


def test_a_loop_without_a_core_is_late_and_not_busy(registry):
    LoopMeter(registry).woken(passed=0.5, computed=0.002)
    assert above(registry, "atoll_loop_lag_seconds", 0.25) == 1
    assert above(registry, "atoll_loop_busy_seconds", 0.005) == 0


def test_a_loop_that_computes_in_small_pieces_is_neither(registry):
    LoopMeter(registry).woken(passed=0.0101, computed=0.009)
    assert above(registry, "atoll_loop_lag_seconds", 0.001) == 0
    assert above(registry, "atoll_loop_busy_seconds", 0.001) == 0


def test_an_idle_loop_is_asked_less_often_and_a_busy_one_at_once_as_often_as_ever(registry):
    meter = LoopMeter(registry)
    meter.woken(passed=PERIOD_SECONDS, computed=0.0001)
    assert meter.period == IDLE_PERIOD_SECONDS
    meter.woken(passed=IDLE_PERIOD_SECONDS, computed=0.005)
    assert meter.period == PERIOD_SECONDS


def test_an_idle_loop_is_not_late_for_having_slept_longer(registry):
    meter = LoopMeter(registry)
    meter.woken(passed=PERIOD_SECONDS, computed=0.0)
    meter.woken(passed=IDLE_PERIOD_SECONDS, computed=0.0)
    assert above(registry, "atoll_loop_lag_seconds", 0.001) == 0


def test_what_holds_an_idle_loop_for_long_is_seen(registry):
    meter = LoopMeter(registry)
    meter.woken(passed=PERIOD_SECONDS, computed=0.0)
    meter.woken(passed=IDLE_PERIOD_SECONDS + 0.06, computed=0.07)
    assert above(registry, "atoll_loop_busy_seconds", 0.05) == 1


async def test_something_that_holds_the_loop_is_seen(registry):
    clock, computed = [0.0], [0.0]
    meter = LoopMeter(registry, lambda: clock[0], lambda: computed[0])
    task = asyncio.create_task(meter.run(), name="meter")
    await asyncio.sleep(0)  # it has looked at the clocks and sleeps
    clock[0], computed[0] = 0.2, 0.15
    await asyncio.wait([task], timeout=0.1)  # several of its sleeps
    task.cancel()
    assert registry.get_sample_value("atoll_loop_lag_seconds_count")
    assert above(registry, "atoll_loop_lag_seconds", 0.1) == 1
    assert above(registry, "atoll_loop_busy_seconds", 0.1) == 1
