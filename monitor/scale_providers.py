"""What a provider of machines is to the monitor: one question at a time, one answer. I/O in its files."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.launches import MAX_ANSWER_BYTES, LaunchAnswer, LaunchOrder


class ProviderFailed(Exception):
    """It gave no usable answer: whether a machine was started is not known."""


class Provider(Protocol):
    """Starts, finds and ends machines. Each call ends by itself, at the latest after its time-out."""

    async def ask(self, order: LaunchOrder) -> LaunchAnswer:
        """The answer, or `ProviderFailed`."""
        ...


def read_answer(body: bytes) -> LaunchAnswer:
    """The answer in `body`, or `ProviderFailed`; unknown members are passed over."""
    if len(body) > MAX_ANSWER_BYTES:
        raise ProviderFailed(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
    try:
        return msgspec.json.decode(body, type=LaunchAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise ProviderFailed(f"its answer is not the JSON that docs/growth.md asks for: {error}") from error
