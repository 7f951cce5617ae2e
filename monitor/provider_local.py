"""The provider `local`: an order in a directory, carried out by the supervisor of the cluster here.

The monitor starts no processes itself: whoever started the cluster supervises the new nodes as well, and they
outlive the monitor. `NAME.order.json` is the last order about a node, `NAME.answer.json` the answer to it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from atoll.atomic_file import write_atomically
from atoll.launches import FiledAnswer, LaunchAnswer, LaunchOrder
from monitor.scale_policy import ProviderEntry
from monitor.scale_providers import ProviderFailed

POLL_SECONDS = 0.05


class LocalProvider:
    """A `Provider`."""

    def __init__(self, entry: ProviderEntry) -> None:
        self._directory, self._seconds = Path(entry.directory), entry.timeout_seconds

    async def ask(self, order: LaunchOrder) -> LaunchAnswer:
        try:
            await asyncio.to_thread(self._put, order)
            async with asyncio.timeout(self._seconds):
                return await self._answer(order)
        except TimeoutError as error:
            raise ProviderFailed(f"no supervisor answered within {self._seconds:g} s") from error
        except OSError as error:
            raise ProviderFailed(f"{self._directory} cannot be written: {error.strerror}") from error

    def _put(self, order: LaunchOrder) -> None:
        """The order, and no answer to one like it: tries are counted anew when a person orders so. In this
        sequence, for without an answer the supervisor would carry the order of before out again."""
        old = self._found(order)
        write_atomically(self._directory / f"{order.name}.order.json", msgspec.json.encode(order))
        if old is not None:
            self._answer_file(order).unlink(missing_ok=True)

    async def _answer(self, order: LaunchOrder) -> LaunchAnswer:
        while True:
            if found := await asyncio.to_thread(self._found, order):
                return found
            await asyncio.sleep(POLL_SECONDS)

    def _found(self, order: LaunchOrder) -> FiledAnswer | None:
        found = _read(self._answer_file(order))
        return found if found and (found.action, found.attempt) == (order.action, order.attempt) else None

    def _answer_file(self, order: LaunchOrder) -> Path:
        return self._directory / f"{order.name}.answer.json"


def _read(path: Path) -> FiledAnswer | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=FiledAnswer)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
