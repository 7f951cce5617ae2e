"""One answer from several peers: in order, after failures, and with a second request after a silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from atoll.errors import AtollError, NotFound, TooLarge, UpstreamFailed
from atoll.hedging import AllFailed, Hedger, Turn
from atoll.peer_pace import (
    ENOUGH,
    FIRST_DELAY,
    LEAST_DELAY,
    LOSSES,
    MOST_DELAY,
    PEERS,
    SHUN_SECONDS,
    HedgeBudget,
    PeerPace,
)

Attempt = Callable[[Turn], Coroutine[Any, Any, str]]


class Leaping:
    """A clock that has gone on by a second whenever it is looked at: every patience is over at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Peers:
    """Scripted peers; `asked` in the order of asking, `ended` what was cancelled."""

    def __init__(self, clock: Callable[[], float], **scripts: Attempt) -> None:
        self.hedger, self.scripts = Hedger(clock), scripts
        self.asked: list[str] = []
        self.ended: list[str] = []

    async def ask(self, *names: str, fatal: tuple[type[AtollError], ...] = ()) -> str:
        async with asyncio.timeout(10):
            return await self.hedger.first(names or tuple(self.scripts), str, self._attempt, fatal)

    async def _attempt(self, name: str, turn: Turn) -> str:
        self.asked.append(name)
        try:
            return await self.scripts[name](turn)
        except asyncio.CancelledError:
            self.ended.append(name)
            raise


async def good(turn: Turn) -> str:
    await turn.take()
    return "good"


async def silent(turn: Turn) -> str:
    await asyncio.Event().wait()
    return "never"


async def broken(turn: Turn) -> str:
    raise UpstreamFailed("It broke off.")


async def breaks_off(turn: Turn) -> str:
    await turn.take()
    raise UpstreamFailed("It broke off in the middle.")


async def lacks_it(turn: Turn) -> str:
    raise NotFound("Not here.")


async def test_the_first_that_answers_is_asked_alone():
    peers = Peers(lambda: 0.0, a=good, b=good)
    assert await peers.ask() == "good"
    assert peers.asked == ["a"]


async def test_after_a_failure_the_next_one_is_asked():
    peers = Peers(lambda: 0.0, a=broken, b=lacks_it, c=good)
    assert await peers.ask() == "good"
    assert peers.asked == ["a", "b", "c"]


async def test_a_failure_in_the_middle_lets_the_next_one_begin_anew():
    peers = Peers(lambda: 0.0, a=breaks_off, b=good)
    assert await peers.ask() == "good"
    assert peers.asked == ["a", "b"]


async def test_when_all_fail_each_reason_is_told():
    peers = Peers(lambda: 0.0, a=broken, b=lacks_it)
    with pytest.raises(AllFailed) as raised:
        await peers.ask()
    assert [(f.source, type(f.error)) for f in raised.value.failures] == [
        ("a", UpstreamFailed),
        ("b", NotFound),
    ]


async def test_without_sources_nobody_is_asked():
    with pytest.raises(AllFailed):
        await Peers(lambda: 0.0).ask()


async def test_a_silent_peer_is_overtaken_and_its_request_ended():
    peers = Peers(Leaping(), a=silent, b=good)
    assert await peers.ask() == "good"
    assert (peers.asked, peers.ended) == (["a", "b"], ["a"])
    assert (peers.hedger.budget.hedges, peers.hedger.wins) == (1, 1)


async def test_a_peer_that_overtook_and_then_broke_off_gives_the_first_another_try():
    tries = iter([silent, good])
    peers = Peers(Leaping(), a=lambda turn: next(tries)(turn), b=breaks_off)
    assert await peers.ask() == "good"
    assert peers.asked == ["a", "b", "a"]


async def test_at_most_two_are_asked_at_once():
    tried = asyncio.Event()

    async def second(turn: Turn) -> str:
        tried.set()
        await asyncio.sleep(0.01)
        await turn.take()
        return "good"

    peers = Peers(Leaping(), a=silent, b=second, c=good)
    assert await peers.ask() == "good"
    assert tried.is_set()
    assert peers.asked == ["a", "b"]


async def test_only_one_of_two_that_answer_together_goes_on():
    both = asyncio.Barrier(2)
    went_on: list[str] = []

    def together(name: str) -> Attempt:
        async def attempt(turn: Turn) -> str:
            await both.wait()
            await turn.take()
            went_on.append(name)
            return name

        return attempt

    peers = Peers(Leaping(), a=together("a"), b=together("b"))
    won = await peers.ask()
    assert went_on == [won]


async def test_an_error_that_no_other_peer_can_mend_ends_it():
    async def too_large(turn: Turn) -> str:
        raise TooLarge("Too large for here.")

    async def own_fault(turn: Turn) -> str:
        raise RuntimeError("our own disk")

    peers = Peers(lambda: 0.0, a=too_large, b=good, c=own_fault)
    with pytest.raises(TooLarge):
        await peers.ask(fatal=(TooLarge,))
    with pytest.raises(RuntimeError, match="our own disk"):
        await peers.ask("c", "b")
    assert peers.asked == ["a", "c"]


async def test_whoever_gives_up_ends_what_runs():
    peers = Peers(Leaping(), a=silent, b=silent)
    asking = asyncio.create_task(peers.ask())
    while len(peers.asked) < 2:  # noqa: ASYNC110 - the race tells nobody how far it is
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sorted(peers.ended) == ["a", "b"]


async def test_second_requests_are_a_tenth_of_the_first_ones_however_silent_the_peers():
    async def slow(turn: Turn) -> str:
        for _ in range(10):
            await asyncio.sleep(0)
        await turn.take()
        return "slow"

    peers = Peers(Leaping(), a=slow, b=slow)
    for _ in range(1000):
        await peers.ask()
    budget = peers.hedger.budget
    assert budget.requests == 1000
    assert 50 < budget.hedges <= 1000 * HedgeBudget.SHARE + HedgeBudget.MOST
    assert len(peers.asked) == budget.requests + budget.hedges


async def test_a_peer_that_loses_again_and_again_is_asked_last_and_soon_tried_again():
    now = [0.0]
    peers = Peers(Leaping(), a=silent, b=good)
    peers.hedger.budget._tokens = 10.0
    for _ in range(LOSSES):
        await peers.ask()
    peers.asked.clear()
    now[0] = peers.hedger.clock()
    peers.hedger.clock = lambda: now[0]
    assert await peers.ask() == "good"
    assert peers.asked == ["b"]
    now[0] += SHUN_SECONDS
    assert peers.hedger.order(["a", "b"], str) == ["a", "b"]


async def test_a_peer_that_failed_is_asked_last_but_one_that_lacks_it_is_not():
    peers = Peers(lambda: 0.0, a=broken, b=lacks_it, c=good)
    await peers.ask()
    assert peers.hedger.order(["a", "b", "c"], str) == ["b", "c", "a"]


def test_patience_is_the_peers_own_95th_percentile_within_bounds():
    pace = PeerPace()
    assert pace.patience("a") == FIRST_DELAY
    for number in range(1, ENOUGH):
        pace.answered("a", number / 100)
    assert pace.patience("a") == FIRST_DELAY  # too few to know
    for number in range(20):
        pace.answered("a", 0.1 + number / 100)
    assert 0.2 < pace.patience("a") <= 0.29
    for _ in range(100):
        pace.answered("fast", 0.0001)
        pace.answered("slow", 30.0)
    assert (pace.patience("fast"), pace.patience("slow")) == (LEAST_DELAY, MOST_DELAY)


def test_lost_races_count_so_that_a_peer_grown_slow_is_not_hedged_for_ever():
    pace = PeerPace()
    for _ in range(50):
        pace.answered("a", 0.03)
    before = pace.patience("a")
    for _ in range(10):
        pace.lost("a", 0.2, now=0.0)
    assert pace.patience("a") > before


def test_peers_are_remembered_up_to_a_bound():
    pace = PeerPace()
    for number in range(3 * PEERS):
        pace.answered(f"peer-{number}", 0.1)
    assert len(pace._peers) == PEERS


def test_a_quiet_time_saves_up_a_few_hedges_and_no_more():
    budget = HedgeBudget()
    for _ in range(10_000):
        budget.asked()
    taken = 0
    while budget.take():
        taken += 1
    assert taken == HedgeBudget.MOST
