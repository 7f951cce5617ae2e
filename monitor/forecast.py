"""When a disk will be full: growth from its history, what is unusual left out, and how sure that is. Pure.

Use is cut into windows – days, once three of them are known, else a 24th of what is known – and each gives
one growth. A burst or a mass delete is one or two windows that stand far out: up to a fifth of the windows
are left out if they lie beyond six (scaled) median deviations and three medians. More than a fifth is no
exception but the rhythm, and counts. With a week of days each weekday is averaged by itself first, so that
it does not matter whether the history ends on a Friday or a Monday. The range (80 %) comes from what the
windows differ by; it is never narrower than 5 %, or 20 % before three days are known.

The wait of a fresh disk for its first uploads is no part of its growth: it is left out once use has lasted
as long as that wait. Not before, for a month of quiet and an hour of import are a burst, and no new pace.

A median of all slopes (Theil–Sen) was refused: under a weekly rhythm it gives the working day's growth and
calls the disk full a third too early.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

DAY = 86_400.0
LONGEST = 28 * DAY
DAYS_KNOWN = 3 * DAY
LEAST_POINTS = 8
IDLE = 0.01  # a wait: while less than this of all growth came …
NOTICED = 0.05  # … and that took more than this of the time; less cannot mislead
SAID_IN_DAYS = 0.1  # and more
_Z80 = 1.2816


class Point(NamedTuple):
    """So much was used (bytes, or any unit) at a time (Unix seconds)."""

    at: float
    used: float


class Growth(NamedTuple):
    """Units a day: the best guess, and the range that holds it four times of five. `span`: seconds."""

    per_day: float
    low: float
    high: float
    span: float


class Forecast(NamedTuple):
    """Days until nothing is left, and their range; infinite when it is not in sight."""

    days: float
    early: float
    late: float
    growth: Growth


def growth_of(points: Sequence[Point]) -> Growth | None:
    """What the history says; None while it is too short to say anything. `points` are in order of time."""
    if len(points) < LEAST_POINTS or points[-1].at <= points[0].at:
        return None
    points = _since_use_began(points)
    span = min(LONGEST, points[-1].at - points[0].at)
    window = DAY if span >= DAYS_KNOWN else span / 24
    found = _increments(points, window, int(span / window + 1e-6))
    usual = _without_outliers(found)
    weekly = window == DAY and len(found) >= 7
    each = _by_weekday(usual) if weekly else statistics.fmean(growth for _, growth in usual)
    spread = _spread(usual, weekly) * _Z80 * (1 + 2 / len(usual)) / math.sqrt(len(usual))
    spread = max(spread, abs(each) * (0.05 if window == DAY else 0.20))
    scale = DAY / window
    return Growth(each * scale, (each - spread) * scale, (each + spread) * scale, span)


def forecast(growth: Growth, free: float) -> Forecast:
    """How long `free` units last."""
    return Forecast(_days(free, growth.per_day), _days(free, growth.high), _days(free, growth.low), growth)


def together(growths: Sequence[Growth]) -> Growth | None:
    """The growth of several disks as of one; None when none is known. Their errors are taken as unrelated."""
    if not growths:
        return None
    rate = math.fsum(g.per_day for g in growths)
    below = math.sqrt(math.fsum((g.per_day - g.low) ** 2 for g in growths))
    above = math.sqrt(math.fsum((g.high - g.per_day) ** 2 for g in growths))
    return Growth(rate, rate - below, rate + above, min(g.span for g in growths))


def in_words(days: float) -> str:
    """So many days; less than a tenth of one in hours, minutes or seconds."""
    if days >= SAID_IN_DAYS:
        return f"{days:.1f}"
    seconds = days * DAY
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def time_in_words(days: float) -> str:
    """The same with its unit: minutes are not said as "0.0 days"."""
    return in_words(days) + (" days" if days >= SAID_IN_DAYS else "")


def _days(free: float, per_day: float) -> float:
    if free <= 0:
        return 0.0
    return free / per_day if per_day > 0 else math.inf


def _since_use_began(points: Sequence[Point]) -> Sequence[Point]:
    """Without the wait for the first use; all of them while use has not lasted as long as that."""
    first, last = points[0], points[-1]
    little = abs(last.used - first.used) * IDLE
    moved = next((number for number, point in enumerate(points) if abs(point.used - first.used) > little), 0)
    began = max(0, moved - 1)
    waited, in_use = points[began].at - first.at, last.at - points[began].at
    enough = len(points) - began >= LEAST_POINTS and in_use >= waited
    return points[began:] if enough and waited > NOTICED * (last.at - first.at) else points


def _increments(points: Sequence[Point], window: float, count: int) -> list[tuple[int, float]]:
    """Growth of the last `count` windows, the newest first, each with how many windows ago it was."""
    edges = [_at(points, points[-1].at - number * window) for number in range(count + 1)]
    return [(number, edges[number] - edges[number + 1]) for number in range(count)]


def _at(points: Sequence[Point], at: float) -> float:
    """What was used at a time, between two points on the line between them."""
    after = bisect_left(points, at, key=lambda point: point.at)
    if after == 0:
        return points[0].used
    if after == len(points):
        return points[-1].used
    left, right = points[after - 1], points[after]
    return left.used + (right.used - left.used) * (at - left.at) / (right.at - left.at)


def _without_outliers(found: list[tuple[int, float]]) -> list[tuple[int, float]]:
    middle = statistics.median(growth for _, growth in found)
    deviation = statistics.median(abs(growth - middle) for _, growth in found)
    limit = max(6 * 1.4826 * deviation, 3 * abs(middle))
    outside = [item for item in found if abs(item[1] - middle) > limit]
    if len(outside) > max(1, len(found) // 5):
        return found
    return [item for item in found if item not in outside]


def _weekdays(usual: Sequence[tuple[int, float]]) -> dict[int, list[float]]:
    days: dict[int, list[float]] = {}
    for number, growth in usual:
        days.setdefault(number % 7, []).append(growth)
    return days


def _by_weekday(usual: Sequence[tuple[int, float]]) -> float:
    return statistics.fmean(statistics.fmean(growths) for growths in _weekdays(usual).values())


def _spread(usual: Sequence[tuple[int, float]], weekly: bool) -> float:
    """By how much windows differ for no reason we know: from their weekday's mean, once two weeks are."""
    growths = [growth for _, growth in usual]
    if len(growths) < 2:
        return abs(growths[0])
    if not weekly or len(growths) < 14:
        return statistics.stdev(growths)
    days = _weekdays(usual).values()
    squares = math.fsum((g - statistics.fmean(day)) ** 2 for day in days for g in day)
    return math.sqrt(squares / max(1, len(growths) - len(days)))
