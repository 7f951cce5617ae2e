"""What the monitor asks of whoever starts machines, and what it is answered. Pure.

The same two documents go to a script (stdin and stdout), a webhook (body and answer) and the supervisor of
a local cluster (files). `name` is the key to repeat by: a launch of a name that runs starts nothing new.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import Label

MAX_ANSWER_BYTES = 65_536

Action = Literal["launch", "status", "end"]
# launching and running: there is one; absent: there is none; unknown: it cannot be said.
MachineState = Literal["launching", "running", "absent", "failed", "unknown"]
Words = Annotated[str, Meta(max_length=2000)]


class LaunchOrder(Struct, frozen=True):
    """Start, look for, or end one node's machine. `join_token` is a secret: once used it is worthless."""

    action: Action
    name: Label
    region: Label
    set: Label
    attempt: int
    lat: float
    lon: float
    join_token: str = ""


class LaunchAnswer(Struct, frozen=True):
    """How the machine stands. `reference`: the provider's own name for it; `detail`: words for people."""

    state: MachineState
    reference: Words = ""
    detail: Words = ""


class FiledAnswer(LaunchAnswer, frozen=True, kw_only=True):
    """An answer in a file, which says to what it answers."""

    action: Action
    attempt: int
