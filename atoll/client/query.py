"""Asking the query services: any of several, the next one when one is away. I/O.

They are stateless and alike, so a question goes to the one that answered last; on a connection error, 502,
503 or 504 it goes to the next at once, and after a whole round of failures again after a jittered pause,
until the caller's patience is over. Repeating is safe for everything asked here: an unused ticket costs
nothing, a delete repeated is the same delete.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from atoll.backoff import Backoff
from atoll.client.connection import BrokeOff, Unreachable, in_total, reaching, read_answer
from atoll.errors import AtollError, Failed, Unavailable

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
ANSWER_SECONDS = 15.0
LEAST_SECONDS = 0.5  # the last try before patience ends still gets so long
_AWAY = frozenset({502, 503, 504})

Sleep = Callable[[float], Awaitable[object]]


class QueryServices:
    """One or more equivalent services behind `urls`. `session` is called for every request."""

    def __init__(
        self,
        urls: Sequence[str],
        api_key: str,
        session: Callable[[], aiohttp.ClientSession],
        *,
        patience: float,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._urls = [URL(url.rstrip("/")) for url in urls]
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._session, self._patience = session, patience
        self._rng, self._sleep = rng or random.Random(), sleep
        self._preferred = 0

    async def call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
        lost: Callable[[], None] = lambda: None,
    ) -> T:
        """The answer as a `kind`. `path` is encoded already; `seconds` bounds each try, and
        the caller's patience too unless the question is one that takes longer than usual.

        `lost` is called for each try that may have been carried out although no answer came.

        Raises what the problem document says; `Unavailable` when nobody answers.
        """
        content = None if body is None else msgspec.json.encode(body)
        request = (method, path, dict(params or {}), content, dict(headers or {}))
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._rng)
        clock = asyncio.get_running_loop().time
        end, failures = clock() + self._patience, dict[str, AtollError]()
        while True:
            url = self._urls[self._preferred]
            try:
                left = seconds if seconds > ANSWER_SECONDS else min(seconds, end - clock())
                left = max(LEAST_SECONDS, left)
                return await self._once(url, request, kind, left)
            except Failed as error:
                if error.status not in _AWAY:
                    raise
                failures[str(url)] = error
                if isinstance(error, BrokeOff):
                    lost()
            pause = self._turn_to_next(url, failures, backoff)
            if clock() + pause > end:
                raise _nobody(failures)
            await self._sleep(pause)

    async def _once(
        self,
        base: URL,
        request: tuple[str, str, dict[str, str], bytes | None, dict[str, str]],
        kind: type[T],
        seconds: float,
    ) -> T:
        method, path, params, body, more = request
        url = URL(str(base) + path, encoded=True).extend_query(params)
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {}) | more
        with reaching(url):
            async with self._session().request(
                method, url, data=body, headers=headers, timeout=in_total(seconds), allow_redirects=False
            ) as response:
                answer: T = await read_answer(response, kind)
                return answer

    def _turn_to_next(self, failed: URL, failures: Mapping[str, AtollError], backoff: Backoff) -> float:
        """Prefer another service; how long to wait first (seconds)."""
        if self._urls[self._preferred] == failed:  # else a concurrent call has turned already
            self._preferred = (self._preferred + 1) % len(self._urls)
        if len(failures) < len(self._urls):
            return 0.0
        return max(backoff.next(), *(_asked_to_wait(error) for error in failures.values()))


def _asked_to_wait(error: AtollError) -> float:
    seconds = error.facts.get("retry_after")
    return min(float(seconds), LONGEST_PAUSE) if isinstance(seconds, (int, float)) else 0.0


def _nobody(failures: Mapping[str, AtollError]) -> AtollError:
    """What a service said is worth more than that another could not be reached."""
    said = [e for e in failures.values() if not isinstance(e, (Unreachable, BrokeOff))]
    if said:
        return said[-1]
    tried = [error.detail for error in failures.values()]  # each names its service
    which = "The query service" if len(tried) == 1 else f"None of {len(tried)} query services"
    verb = "does not answer" if len(tried) == 1 else "answers"
    return Unavailable(f"{which} {verb}. Is the cluster up, and the address right?", tried=tried)
