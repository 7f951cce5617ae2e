"""Redis or Valkey for what is not the lookup cache: throttling, and when keys were last used. I/O.

Owns a connection pool of its own, so that neither waits for the cache, and a circuit: while Redis fails,
nobody waits for it. Raises nothing because of Redis: None is the answer that did not come.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from query_service.circuit import Circuit

log = logging.getLogger(__name__)

CONNECTIONS = 16  # calls under way at once; one more is as good as no answer
CONNECT_SECONDS = 1.0

Command = tuple[Any, ...]


class SharedRedis:
    """Redis, as long as it answers."""

    def __init__(self, redis: Redis, circuit: Circuit) -> None:
        self._redis, self._circuit = redis, circuit

    @property
    def answers(self) -> bool:
        """Whether the last call was answered."""
        return self._circuit.closed

    async def call(self, command: Command, seconds: float) -> Any:
        """The reply to one command within `seconds`; None when there is none, or while Redis fails."""
        if not self._circuit.allows():
            return None
        try:
            async with asyncio.timeout(seconds):
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.execute_command(*command)
                (reply,) = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            if self._circuit.closed:
                log.warning("Redis does not answer; done without for now: %r", error)
            self._circuit.failed()
            return None
        self._circuit.succeeded()
        return reply
