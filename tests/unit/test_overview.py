"""The cluster in one look: made once for all who look, silent at rest, honest without a monitor."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.errors import NotFound, UpstreamFailed
from atoll.health import HealthTable
from atoll.model import Node, Region, ReplicaSet
from atoll.monitor_api import MonitorOverview, RelayedAcknowledgement, WatchedForecast, WatchedLag
from query_service.cluster_known import ClusterKnown
from query_service.cluster_sight import ClusterSight
from query_service.monitor_link import (
    HEAD_START,
    MOMENT_SECONDS,
    OLD_SECONDS,
    REST_SECONDS,
    MonitorLink,
    MonitorUnavailable,
)
from query_service.overview import FRESH_SECONDS, ClusterOverview, OverviewDesk

pytestmark = pytest.mark.asyncio
MAP = ClusterMap.of(
    [Region("eu", 50, 8), Region("us", 40, -75), ReplicaSet("s1")]
    + [Node(f"{region}-1", region, "s1", f"http://{region}") for region in ("eu", "us")]
    + [Node("gone", "eu", "s1", "http://gone", state="removed")]
)


class Hangs:
    """What a monitor says that does not answer until it is let go, and then that."""

    def __init__(self) -> None:
        self.let_go: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Monitors:
    """Answers like the internal API of some monitors: what each URL says, or raises."""

    def __init__(self, **says: Any) -> None:
        self.says, self.asked, self.slow = says, [], lambda: None
        self.patience: list[float] = []  # of each question, in seconds

    async def call(self, callee: Any, method: str, path: str, kind: Any, **more: Any) -> Any:
        name = callee.url.removeprefix("http://")
        self.asked.append(name)
        self.patience.append(more["seconds"])
        self.slow()
        answer = self.says[name]
        if isinstance(answer, Hangs):
            answer = await answer.let_go
        if isinstance(answer, Exception):
            raise answer
        return answer


def link(clock: HandClock, monitors: Monitors) -> MonitorLink:
    urls = [f"http://{name}/" for name in monitors.says]
    return MonitorLink(urls, monitors, 1.0, clock.monotonic)  # type: ignore[arg-type]


def desk(clock: HandClock, health: HealthTable, monitors: Monitors) -> OverviewDesk:
    sight = ClusterSight(ClusterKnown(lambda: MAP, health, clock.monotonic))
    return OverviewDesk("query-eu", sight, link(clock, monitors), clock.monotonic)


def hear(health: HealthTable, clock: HandClock, **facts: Any) -> None:
    health.heard(a_beat("eu-1", region="eu", **facts), clock.monotonic())


async def test_however_many_look_it_is_made_once_in_a_while() -> None:
    clock, monitors = HandClock(), Monitors(m=MonitorOverview("m", "m"))
    made = desk(clock, HealthTable(), monitors)
    bodies = await asyncio.gather(*(made.current() for _ in range(20)))
    assert len(set(bodies)) == len(monitors.asked) == 1
    clock.advance(1.0)
    await made.current()
    made.drop()
    await made.current()
    assert len(monitors.asked) == 3


async def test_who_waited_for_a_slow_monitor_gets_what_the_first_one_got() -> None:
    clock, monitors = HandClock(), Monitors(m=MonitorOverview("m", "m"))
    monitors.slow = lambda: clock.advance(2 * FRESH_SECONDS)
    made = desk(clock, HealthTable(), monitors)
    await asyncio.gather(*(made.current() for _ in range(20)))
    assert len(monitors.asked) == 1


async def test_a_node_that_is_silent_for_long_and_a_forecast_that_trembles_say_nothing_new() -> None:
    clock, health = HandClock(), HealthTable()

    def filling(days: float) -> MonitorOverview:
        return MonitorOverview(
            "m", "m", forecasts=(WatchedForecast("node", "eu-1", "bytes", days, None, days * 2, 9.0),)
        )

    monitors = Monitors(m=filling(12.1))
    made = desk(clock, health, monitors)
    hear(health, clock)
    seen = []
    for seconds in (90, 1, 7200 - 91, 1000, 1000):
        clock.advance(seconds)
        monitors.says["m"] = filling(12.1 + seconds * 1e-6)
        seen.append(await made.current())
    assert len(set(seen)) == 3
    ages = [next(n.age_ms for n in told(body).nodes if n.name == "eu-1") for body in seen]
    assert ages == [90_000, 91_000, 7_200_000, 7_200_000, 7_200_000]
    assert told(seen[-1]).monitor.forecasts[0].days == 12.1


def told(body: bytes) -> ClusterOverview:
    return msgspec.json.decode(body, type=ClusterOverview)


async def test_a_cluster_at_rest_says_nothing_new() -> None:
    clock, health = HandClock(), HealthTable()
    monitors = Monitors(m=MonitorOverview("m", "m", lags=(WatchedLag("eu-1", 3),)))
    made = desk(clock, health, monitors)
    hear(health, clock, load=0.012, bytes_free=2**30 + 17)
    before = await made.current()
    clock.advance(1.0)
    monitors.says["m"] = MonitorOverview("m", "m", lags=(WatchedLag("eu-1", 8),))
    hear(health, clock, load=0.031, bytes_free=2**30 + 4711)
    assert await made.current() == before
    monitors.says["m"] = MonitorOverview("m", "m", lags=(WatchedLag("eu-1", 75),))
    clock.advance(1.0)
    hear(health, clock)
    assert told(await made.current()).monitor.lags[0].seconds == 60


async def test_without_a_monitor_it_says_so_and_shows_what_it_sees_itself() -> None:
    clock, health = HandClock(), HealthTable()
    hear(health, clock)
    for monitors, reason in (
        (Monitors(), "monitor_urls"),
        (Monitors(m=UpstreamFailed("late")), "No monitor"),
    ):
        seen = told(await desk(clock, health, monitors).current())
        assert seen.monitor is None
        assert reason in (seen.monitor_away or "")
        assert {node.name: node.health for node in seen.nodes} == {"eu-1": "healthy", "us-1": "unknown"}
        assert [each.name for each in seen.sets] == ["s1"]


async def test_the_monitor_that_answered_last_is_asked_first_and_a_silent_one_rests() -> None:
    clock = HandClock()
    monitors = Monitors(a=UpstreamFailed("late"), b=MonitorOverview("b", "b"))
    asking = link(clock, monitors)
    for _ in range(2):
        assert (await asking.overview()).monitor == "b"
    assert monitors.asked == ["a", "b", "b"]
    monitors.says["b"] = UpstreamFailed("late")
    for _ in range(2):
        with pytest.raises(MonitorUnavailable):
            await asking.overview()
    assert monitors.asked[3:] == ["b", "a"]
    clock.advance(REST_SECONDS)
    monitors.says["a"] = MonitorOverview("a", "a")
    assert (await asking.overview()).monitor == "a"


async def test_monitors_that_hang_are_asked_together_and_share_one_deadline() -> None:
    monitors = Monitors(a=Hangs(), b=Hangs(), c=Hangs(), d=MonitorOverview("d", "d"))
    assert (await link(HandClock(), monitors).overview()).monitor == "d"
    assert monitors.asked == ["a", "b", "c", "d"]
    assert monitors.patience == [1.0, *[1.0 - HEAD_START] * 3]  # the later ones after a head start


async def test_who_looks_while_a_monitor_hangs_sees_what_was_known_last_and_then_what_it_says() -> None:
    clock, monitors = HandClock(), Monitors(a=MonitorOverview("a", "first"))
    asking = link(clock, monitors)
    assert (await asking.overview()).leader == "first"
    monitors.says["a"] = hanging = Hangs()
    for _ in range(2):
        assert (await asking.overview()).leader == "first"
    assert monitors.asked == ["a", "a"]  # one question, however often somebody looks
    hanging.let_go.set_result(MonitorOverview("a", "second"))
    assert (await asking.overview()).leader == "second"
    await asking.close()


async def test_who_is_the_first_to_look_for_a_while_waits_for_what_is_so_now() -> None:
    clock, monitors = HandClock(), Monitors(a=MonitorOverview("a", "first"))
    asking = link(clock, monitors)
    await asking.overview()
    clock.advance(OLD_SECONDS)
    monitors.says["a"] = hanging = Hangs()
    looking = asyncio.create_task(asking.overview())
    _, waits = await asyncio.wait([looking], timeout=2 * MOMENT_SECONDS)
    assert waits
    hanging.let_go.set_result(MonitorOverview("a", "now"))
    assert (await looking).leader == "now"
    await asking.close()


async def test_an_answer_that_came_when_nobody_looked_any_more_is_not_taken_for_todays() -> None:
    clock, monitors = HandClock(), Monitors(a=MonitorOverview("a", "first"))
    asking = link(clock, monitors)
    await asking.overview()
    monitors.says["a"] = hanging = Hangs()
    await asking.overview()
    hanging.let_go.set_result(MonitorOverview("a", "yesterday"))
    for _ in range(10):
        await asyncio.sleep(0)
    clock.advance(OLD_SECONDS)
    monitors.says["a"] = MonitorOverview("a", "today")
    assert (await asking.overview()).leader == "today"
    await asking.close()


async def test_when_a_monitor_has_hung_too_long_nothing_old_is_shown() -> None:
    clock, monitors = HandClock(), Monitors(a=MonitorOverview("a", "first"))
    asking = link(clock, monitors)
    await asking.overview()
    monitors.says["a"] = hanging = Hangs()
    await asking.overview()
    hanging.let_go.set_result(UpstreamFailed("late"))
    for _ in range(2):
        with pytest.raises(MonitorUnavailable):
            await asking.overview()
    clock.advance(REST_SECONDS)
    monitors.says["a"] = Hangs()
    with pytest.raises(MonitorUnavailable):
        await asking.overview()
    await asking.close()


async def test_what_a_monitor_says_of_an_order_is_passed_on_and_its_own_troubles_are_not() -> None:
    order = RelayedAcknowledgement("key", "ada")
    unknown = Monitors(a=NotFound("No alert that stands has this id or key."), b=NotFound("neither"))
    with pytest.raises(NotFound):
        await link(HandClock(), unknown).acknowledge(order)
    assert unknown.asked == ["a"]
    with pytest.raises(MonitorUnavailable) as told:  # a 401 of ours would end somebody's session
        await link(HandClock(), Monitors(a=UpstreamFailed("http://10.0.0.1 broke off"))).acknowledge(order)
    assert "10.0.0.1" not in told.value.detail
