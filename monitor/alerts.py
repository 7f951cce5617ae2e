"""The alert as a wire type: what a channel is told of one broken rule, and how it is sealed for NATS. Pure.

On NATS it is sealed as heartbeats are (signature over subject and body, from the cluster secret), so that
nobody with access to NATS alone can cry wolf, or call the wolf off.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from atoll.events import SIGNATURE_HEADER, BadEvent
from atoll.model import Milliseconds
from atoll.signing import Keys, seal, seal_matches
from monitor.condition_book import Condition
from monitor.levels import LEVELS, Level
from monitor.sample import Scope

Transition = Literal["raised", "changed", "reminded", "cleared"]

ALL_ALERTS = "atoll.alert.>"
_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


class Alert(Struct, frozen=True):
    """One rule of one subject began, changed, still holds, or ended.

    `key` is the same whenever this rule breaks for this subject, `id` until it is cleared: who receives
    twice goes by them. `since`: when it began; `at`: when this is said.
    """

    key: str
    id: str
    transition: Transition
    level: Level
    previous: Level
    rule: str
    scope: Scope
    name: str
    region: str
    set: str
    value: float
    threshold: float
    since: Milliseconds
    at: Milliseconds
    monitor: str
    detail: str
    todo: str


class Batch(Struct, frozen=True):
    """What one message to people says: alerts that came together. `more`: so many were left out."""

    alerts: tuple[Alert, ...]
    more: int = 0

    @property
    def worst(self) -> Level:
        """The highest level in it; ok when all of it has ended."""
        return max((alert.level for alert in self.alerts), key=LEVELS.index, default="ok")


def alert_of(condition: Condition, previous: Level, transition: Transition, at: int, monitor: str) -> Alert:
    """What is said of a condition now."""
    ended = transition == "cleared"
    return Alert(
        key=condition.key,
        id=condition.id,
        transition=transition,
        level="ok" if ended else condition.level,
        previous=previous,
        rule=condition.rule,
        scope=condition.scope,
        name=condition.name,
        region=condition.region,
        set=condition.set,
        # What cannot be written in JSON is an end that is not in sight.
        value=condition.value if abs(condition.value) < 1e300 else 1e300,
        threshold=condition.threshold,
        since=condition.since,
        at=at,
        monitor=monitor,
        detail=f"no more: {condition.detail}" if ended else condition.detail,
        todo=condition.todo,
    )


def alert_subject(alert: Alert) -> str:
    """`atoll.alert.<rule>.<scope>.<name>`; what no subject may contain is a dash there."""
    return f"atoll.alert.{alert.rule}.{alert.scope}.{_TOKEN.sub('-', alert.name)}"


def seal_alert(alert: Alert, keys: Keys) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an alert as published."""
    body = msgspec.json.encode(alert)
    return body, {SIGNATURE_HEADER: seal(keys.event, alert_subject(alert), body)}


def open_alert(subject: str, body: bytes, headers: dict[str, str] | None, keys: Keys) -> Alert:
    """The alert in a message, or `BadEvent`."""
    if not seal_matches(keys.event, subject, body, (headers or {}).get(SIGNATURE_HEADER, "")):
        raise BadEvent("the signature is missing or wrong")
    try:
        alert = msgspec.json.decode(body, type=Alert)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadEvent(str(error)) from error
    if alert_subject(alert) != subject:
        raise BadEvent(f"an alert for {alert_subject(alert)} came on {subject}")
    return alert
