"""What a channel has been told, and what it must be told next: the difference to what stands. Pure.

There is no queue of alerts. A channel's ledger says of each alert at which level it was last told; what
stands now says at which it is; the difference is sent, and entered when it has arrived. So a message that
fails is tried again by itself, what came and went meanwhile is not told at all, and a restart or another
monitor goes on from the ledger: that is de-duplication, retry and take-over in one.

What is about to be sent is entered before, as `unsure`: a monitor that dies between a message's arrival and
the ledger would forget that it arrived, and never tell its end. What is unsure is sent once more, with the
same id and transition; or its end, if it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from atoll.model import Milliseconds
from monitor.alert_orders import Orders
from monitor.alerts import Alert, Batch, Transition, alert_of
from monitor.condition_book import Condition
from monitor.levels import LEVELS, Level

MAX_IN_A_BATCH = 100


class Told(Struct, frozen=True):
    """What was last told of an alert, and when.

    `unsure`: the level of a later message that may have arrived (`ok`: its end) and is to be sent again;
    `level` is then that of the last one that did arrive, `ok` if none did.
    """

    condition: Condition
    level: Level
    at: Milliseconds
    unsure: Level | None = None


Ledger = Mapping[str, Told]


@dataclass(frozen=True)
class Wants:
    """What a channel is told. `level`: the least; `rules`: patterns of names.

    `after_seconds`: only what nobody has acknowledged for so long (escalation). `repeat_seconds`: what
    stands unacknowledged is told again so often; 0: never.
    """

    level: Level = "warning"
    rules: tuple[str, ...] = ("*",)
    after_seconds: float = 0.0
    repeat_seconds: float = 0.0

    def level_of(self, condition: Condition) -> Level:
        """The condition's level as this channel sees it."""
        enough = LEVELS.index(condition.level) >= LEVELS.index(self.level)
        return condition.level if enough and any(fnmatchcase(condition.rule, r) for r in self.rules) else "ok"


def due(
    wants: Wants,
    ledger: Ledger,
    standing: Sequence[Condition],
    orders: Orders,
    now_ms: int,
    monitor: str,
) -> list[Alert]:
    """What the channel must be told now: ends first, then by urgency."""
    here = {condition.key for condition in standing}
    ended = [_end_of(told, now_ms, monitor) for key, told in ledger.items() if key not in here]
    steps = (_step(wants, ledger.get(c.key), c, orders, now_ms, monitor) for c in standing)
    return ended + [alert for alert in steps if alert is not None]


def _step(
    wants: Wants, told: Told | None, condition: Condition, orders: Orders, now_ms: int, monitor: str
) -> Alert | None:
    if orders.silenced(condition, now_ms):
        return None
    level = wants.level_of(condition)
    acknowledged = orders.acknowledged(condition) is not None
    if told is None:
        # A clock that was put back makes waits negative; what need not wait is told all the same.
        waited = wants.after_seconds <= 0 or now_ms - condition.since >= wants.after_seconds * 1000
        held = condition.covered or not waited or (acknowledged and wants.after_seconds > 0)
        return None if level == "ok" or held else alert_of(condition, "ok", "raised", now_ms, monitor)
    if told.unsure == "ok":  # whatever stands by now, that one may not have been heard to end
        return _end_of(told, now_ms, monitor)
    condition = _as_told(condition, told)
    if level == "ok":
        return alert_of(condition, told.unsure or told.level, "cleared", now_ms, monitor)
    if told.unsure is not None:
        return _again(condition, told, told.unsure, now_ms, monitor)
    if level != told.level:
        return alert_of(condition, told.level, "changed", now_ms, monitor)
    again = wants.repeat_seconds > 0 and now_ms - told.at >= wants.repeat_seconds * 1000
    if again and not acknowledged and not condition.covered:
        return alert_of(condition, told.level, "reminded", now_ms, monitor)
    return None


def _end_of(told: Told, now_ms: int, monitor: str) -> Alert:
    last = told.level if told.unsure is None or told.unsure == "ok" else told.unsure
    return alert_of(told.condition, last, "cleared", now_ms, monitor)


def _again(condition: Condition, told: Told, level: Level, now_ms: int, monitor: str) -> Alert:
    """The message that may have arrived, once more: receivers that have it know it by id and transition."""
    if told.level == "ok":
        transition: Transition = "raised"
    else:
        transition = "reminded" if told.level == level else "changed"
    return alert_of(replace(condition, level=level), told.level, transition, now_ms, monitor)


def _as_told(condition: Condition, told: Told) -> Condition:
    """With the id and the beginning it was told with: maybe by the monitor that led before."""
    return replace(condition, id=told.condition.id, since=told.condition.since)


def batch_of(alerts: Sequence[Alert]) -> Batch:
    """As much as one message may say; the rest comes with the next."""
    return Batch(tuple(alerts[:MAX_IN_A_BATCH]), max(0, len(alerts) - MAX_IN_A_BATCH))


def intended(ledger: Ledger, sending: Iterable[Alert], standing: Sequence[Condition]) -> dict[str, Told]:
    """The ledger while these are under way."""
    conditions = {condition.key: condition for condition in standing}
    during = dict(ledger)
    for alert in sending:
        told = during.get(alert.key)
        condition = told.condition if told else conditions.get(alert.key)
        if condition is not None:
            last = told or Told(replace(condition, id=alert.id, since=alert.since), "ok", alert.at)
            during[alert.key] = replace(last, unsure=alert.level)
    return during


def entered(ledger: Ledger, sent: Iterable[Alert], standing: Sequence[Condition]) -> dict[str, Told]:
    """The ledger after these have arrived."""
    conditions = {condition.key: condition for condition in standing}
    after = dict(ledger)
    for alert in sent:
        known = conditions.get(alert.key)
        if alert.transition == "cleared":
            after.pop(alert.key, None)
        elif known is not None:
            after[alert.key] = Told(replace(known, id=alert.id, since=alert.since), alert.level, alert.at)
        elif alert.key in after:
            after[alert.key] = Told(after[alert.key].condition, alert.level, alert.at)
    return after
