"""The connection to Redis or Valkey that all entries are reached through, and the epoch they belong to. I/O.

Called by `redis_cache`, which owns what is kept. Owns one promise:

*An invalidation that could not be delivered must not be forgotten.* Keys contain an epoch, which lies in
Redis too and is read with every call. Whoever lost Redis – a connection broke, calls timed out in a row, an
invalidation failed – sets a new epoch before using it again, and so forgets all entries at once: it cannot
know what was missed meanwhile, nor whether a fail-over lost the last writes. All others see the new epoch
with their next call. Flushing the database was refused: it may not be ours alone.

Nothing is raised because of Redis but `NoAnswerError`, and that only where it matters whether a command was
carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from atoll.backoff import Backoff
from atoll.ids import new_id
from query_service.cache_value import SHAPE

log = logging.getLogger(__name__)

ARRIVE_SECONDS = 2.0
TIMEOUTS_IN_A_ROW = 3  # one slow call is not yet a lost server
CONNECTIONS = 8  # calls under way at once; the lookup puts many keys into one call
EPOCH_KEY = f"atoll:lookup:{SHAPE}:epoch"

_ERRORS = (RedisError, OSError, TimeoutError)

Command = tuple[Any, ...]


class NoAnswerError(Exception):
    """Redis did not answer in time, or with an error."""


class RedisLink:
    """Redis, as long as it answers. `run` must run for it ever to be up; `clock` gives monotonic seconds."""

    def __init__(self, redis: Redis, clock: Callable[[], float], backoff: Backoff) -> None:
        self._redis, self._clock, self._backoff = redis, clock, backoff
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self.epoch = ""
        self._owes_epoch = False
        self._timeouts = 0
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._tried = asyncio.Event()

    @property
    def up(self) -> bool:
        """Whether Redis is used now."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Return once Redis is used."""
        await self._up.wait()

    async def run(self) -> None:
        """Keep it in use: arrive, wait for a loss, arrive again."""
        while True:
            try:
                await self._arrive()
            except _ERRORS as error:
                self._owes_epoch = True
                log.debug("Redis does not answer: %r", error)
                self._tried.set()
                await asyncio.sleep(self._backoff.next())
                continue
            self._tried.set()
            self._backoff.reset()
            log.info("the lookup cache in Redis is in use")
            await self._lost.wait()
            log.warning("the lookup cache in Redis is lost; the catalog answers instead")

    async def _arrive(self) -> None:
        """Agree on the epoch. Repeated when an invalidation failed while we were asking for a new one."""
        epoch = ""
        # Idle connections from before the loss are as dead as the one that broke, and the pool cannot tell.
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        while not epoch or self._owes_epoch:
            fresh, self._owes_epoch = self._owes_epoch, False
            set_epoch = ("SET", EPOCH_KEY, new_id()) if fresh else ("SET", EPOCH_KEY, new_id(), "NX")
            replies = await self._send([set_epoch, ("GET", EPOCH_KEY)], ARRIVE_SECONDS)
            epoch = _text(replies[1])
        self.epoch, self._timeouts = epoch, 0
        self._lost.clear()
        self._up.set()

    def lose(self) -> None:
        """Use Redis no more until a new epoch is set."""
        self._owes_epoch = True
        self._up.clear()
        self._lost.set()

    async def first_try(self) -> None:
        """An indexer may be faster than the first connection; a restart must not cost all entries."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), ARRIVE_SECONDS)

    async def call(
        self, epoch: str, commands: Sequence[Command], seconds: float, until: float = math.inf
    ) -> list[Any] | None:
        """The replies to commands on keys of `epoch`. None when Redis is not used or the epoch is another.

        Not begun after `until` (monotonic seconds): waiting for a free connection takes its time. Raises
        `NoAnswerError` when the commands may have been carried out or not.
        """
        async with self._slots:
            if not self.up or self._clock() > until:
                return None
            try:
                current, *replies = await self._send([("GET", EPOCH_KEY), *commands], seconds)
            except _ERRORS as error:
                self._failed(error)
                raise NoAnswerError from error
        self._timeouts = 0
        self._follow(_text(current))
        return replies if _text(current) == epoch else None

    async def _send(self, commands: Sequence[Command], seconds: float) -> list[Any]:
        async with asyncio.timeout(seconds):
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute()
        return replies

    def _failed(self, error: Exception) -> None:
        log.debug("Redis: %r", error)
        self._timeouts += 1
        slow = isinstance(error, TimeoutError | RedisTimeoutError)
        if not slow or self._timeouts >= TIMEOUTS_IN_A_ROW:
            self.lose()

    def _follow(self, epoch: str) -> None:
        if epoch:
            self.epoch = epoch
        else:
            self.lose()  # somebody wiped it


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""
