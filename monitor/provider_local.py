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
        path = self._directory / f"{order.name}.order.json"
        try:
            await asyncio.to_thread(write_atomically, path, msgspec.json.encode(order))
            async with asyncio.timeout(self._seconds):
                return await self._answer(order)
        except TimeoutError as error:
            raise ProviderFailed(f"no supervisor answered within {self._seconds:g} s") from error
        except OSError as error:
            raise ProviderFailed(f"{self._directory} cannot be written: {error.strerror}") from error

    async def _answer(self, order: LaunchOrder) -> LaunchAnswer:
        path = self._directory / f"{order.name}.answer.json"
        while True:
            found = await asyncio.to_thread(_read, path)
            if found and (found.action, found.attempt) == (order.action, order.attempt):
                return found
            await asyncio.sleep(POLL_SECONDS)


def _read(path: Path) -> FiledAnswer | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=FiledAnswer)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
