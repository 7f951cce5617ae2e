"""What a benchmark finds: series with their spread, ratios of two in one run, marks. Frozen, JSON-able."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.scale.growth import Growth


class Series(Struct, frozen=True):
    """One quantity, measured once a round. `unit` is written after the number, e.g. `/s`."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def text(self) -> str:
        """Median, and from where to where the rounds went."""
        spread = (
            f" ({number(min(self.values))} to {number(max(self.values))})" if len(self.values) > 1 else ""
        )
        return f"{number(self.median)} {self.unit}{spread}"


class Mark(Struct, frozen=True):
    """A figure that must be reached: `value` at least, or at most, `bound`."""

    name: str
    value: float
    bound: float
    unit: str = ""
    at_most: bool = False
    values: tuple[float, ...] = ()  # each round's, when `value` is their median

    @property
    def passed(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    @property
    def wanted(self) -> str:
        """The bound, as people write it."""
        return f"{'≤' if self.at_most else '≥'} {self._with_unit(self.bound)}"

    @property
    def measured(self) -> str:
        """The value, and from where to where the rounds went."""
        if len(self.values) < 2:
            return self._with_unit(self.value)
        return f"{self._with_unit(self.value)} ({number(min(self.values))} to {number(max(self.values))})"

    @property
    def text(self) -> str:
        return f"{self._with_unit(self.value)} (wanted {self.wanted})"

    def _with_unit(self, value: float) -> str:
        return f"{number(value)} {self.unit}".rstrip()


class Distribution(Struct, frozen=True):
    """How one quantity was spread over all rounds: its percentiles 0 to 100."""

    name: str
    unit: str
    percentiles: tuple[float, ...]

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float]) -> Distribution:
        """Of at least one value."""
        ordered, last = sorted(values), len(values) - 1
        return cls(name, unit, tuple(round(ordered[last * share // 100], 3) for share in range(101)))


class ProcessUse(Struct, frozen=True):
    """What all processes of one kind took while a benchmark ran: CPU of all, peak memory of the largest."""

    name: str
    number: int
    cpu_seconds: float
    peak_mb: float

    @property
    def text(self) -> str:
        many = f"{self.number} x " if self.number > 1 else ""
        return f"{many}{self.name} {number(self.cpu_seconds)} s, {number(self.peak_mb)} MB"


class Absent(Struct, frozen=True):
    """A peer that could not be measured here, and why."""

    peer: str
    why: str


class Result(Struct, frozen=True):
    """All of one benchmark. `notes` say what a reader must know to believe the figures."""

    title: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    absent: tuple[Absent, ...] = ()
    processes: tuple[ProcessUse, ...] = ()
    growths: tuple[Growth, ...] = ()


def ratio(name: str, ours: Sequence[float], peer: Sequence[float]) -> Series:
    """Ours to the peer's, round by round: what the machine did meanwhile touched both."""
    return Series(name, "×", tuple(a / b for a, b in zip(ours, peer, strict=True)))


def number(value: float) -> str:
    """Three significant digits or so, as people write them."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
