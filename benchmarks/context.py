"""What a benchmark is given: a directory of its own, how many rounds, and a line that shows progress."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class GivenMongo:
    """A server of MongoDB's wire to measure in place of the stand-in.

    `name`: what it is, for the page. `pids`: its processes on this machine, whose CPU time counts with all
    below them; without any the time that is waited counts. `assets`: the most that it is filled with.
    """

    url: str = field(repr=False)
    name: str = "a MongoDB that was given"
    pids: tuple[int, ...] = ()
    assets: int = 1_000_000


@dataclass(frozen=True)
class Context:
    """`say` shows what goes on now; `directory` is on the disk that is measured, and removed afterwards.

    `quick`: a smaller load, for a machine that cannot take the whole one. `photographs`: a directory of real
    ones, for the benchmarks that need some; None: those that come with Atoll. `mongodb`: None: the stand-in.
    """

    directory: Path
    rounds: int
    say: Callable[[str], None]
    quick: bool = False
    photographs: Path | None = None
    mongodb: GivenMongo | None = None

    def each_round(self, what: str) -> Iterator[int]:
        """The numbers of the rounds, told as they begin."""
        for round_ in range(self.rounds):
            self.say(f"{what}: round {round_ + 1} of {self.rounds}")
            yield round_

    async def alternate(
        self, a: Callable[[int], Awaitable[A]], b: Callable[[int], Awaitable[B]]
    ) -> tuple[list[A], list[B]]:
        """A B A B …: what drifts on the machine meanwhile touches both alike. Both get the round's number."""
        ours: list[A] = []
        peers: list[B] = []
        for round_ in range(self.rounds):
            self.say(f"round {round_ + 1} of {self.rounds}: ours")
            ours.append(await a(round_))
            self.say(f"round {round_ + 1} of {self.rounds}: the peer")
            peers.append(await b(round_))
        return ours, peers

    async def in_turn(self, who: Mapping[str, Callable[[int], Awaitable[A]]]) -> dict[str, list[A]]:
        """The same for any number of them, by name: A B C A B C …"""
        found: dict[str, list[A]] = {name: [] for name in who}
        for round_ in range(self.rounds):
            for name, measure in who.items():
                self.say(f"round {round_ + 1} of {self.rounds}: {name}")
                found[name].append(await measure(round_))
        return found
