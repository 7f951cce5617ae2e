"""The dead-man's switch: a request to a service that alarms when none comes (as healthchecks.io). I/O.

Sent by the leader alone, and only while its loop looks at the cluster: a monitor that runs and sees nothing
must be missed as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
STALE_SECONDS = 15.0  # no look for so long: better to be missed


class DeadMansSwitch:
    """Counts `pings` and `failures` since the start."""

    def __init__(
        self,
        url: str,
        alive: Callable[[], bool],
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._url, self._alive, self._session = url, alive, session
        self.pings = self.failures = 0

    async def run(self, seconds: float) -> None:
        """Ping for ever."""
        while True:
            if self._alive():
                await self._ping()
            await asyncio.sleep(seconds)

    async def _ping(self) -> None:
        """The URL is a secret: it is never logged."""
        deadline = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session().get(self._url, timeout=deadline, allow_redirects=False) as response:
                response.raise_for_status()
            self.pings += 1
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.failures += 1
            log.warning("the dead-man's switch does not answer: %s", type(error).__name__)
