"""The capacity alert as a wire type: its subject on core NATS, and how it is sealed. Pure.

Sealed as heartbeats are (signature over subject and body, from the cluster secret), so that nobody with
access to NATS alone can cry wolf, or call the wolf off.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from atoll.events import SIGNATURE_HEADER, BadEvent
from atoll.model import Identifier, Label, Milliseconds, Size
from atoll.signing import Keys, seal, seal_matches
from monitor.capacity import Scope, Subject
from monitor.hysteresis import LEVELS, Level

Transition = Literal["raised", "changed", "cleared"]

ALL_CAPACITY_ALERTS = "atoll.alert.capacity.>"


class CapacityAlert(Struct, frozen=True):
    """A node or set entered a level of fullness, or left it. `id` stays the same until it is cleared.

    `since`: when it was raised; `at`: when this was said; `threshold_percent`: where `level` begins (where
    the level it left began, once cleared).
    """

    id: Identifier
    scope: Scope
    name: Label
    region: Label | None
    set: Label
    transition: Transition
    level: Level
    previous: Level
    used_percent: float
    threshold_percent: float
    bytes_total: Size
    bytes_free: Size
    since: Milliseconds
    at: Milliseconds
    monitor: Label
    detail: str

    @property
    def subject(self) -> Subject:
        return Subject(self.scope, self.name)


def transition_of(previous: Level, level: Level) -> Transition:
    """What going from `previous` to another `level` is called."""
    if previous == "ok":
        return "raised"
    return "cleared" if level == "ok" else "changed"


def alert_subject(alert: CapacityAlert) -> str:
    """`atoll.alert.capacity.<node>`, or `….capacity.set.<set>`: one token more, so never mixed up."""
    return f"atoll.alert.capacity.{'set.' if alert.scope == 'set' else ''}{alert.name}"


def is_worse(alert: CapacityAlert) -> bool:
    """Whether things got worse, not better."""
    return LEVELS.index(alert.level) > LEVELS.index(alert.previous)


def seal_alert(alert: CapacityAlert, keys: Keys) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an alert as published."""
    body = msgspec.json.encode(alert)
    return body, {SIGNATURE_HEADER: seal(keys.event, alert_subject(alert), body)}


def open_alert(subject: str, body: bytes, headers: dict[str, str] | None, keys: Keys) -> CapacityAlert:
    """The alert in a message, or `BadEvent`."""
    if not seal_matches(keys.event, subject, body, (headers or {}).get(SIGNATURE_HEADER, "")):
        raise BadEvent("the signature is missing or wrong")
    try:
        alert = msgspec.json.decode(body, type=CapacityAlert)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadEvent(str(error)) from error
    if alert_subject(alert) != subject:
        raise BadEvent(f"an alert for {alert_subject(alert)} came on {subject}")
    return alert
