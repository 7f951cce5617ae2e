"""A key-value bucket of JetStream that is made when it is missing, and then kept open. I/O.

The driver asks for the whole stream whenever a bucket is opened: two thirds of what a look at a lease costs,
and leases are looked at every second. So what was opened stays open until something goes wrong with it: a
wiped NATS is noticed by the first write that fails, and the bucket is made anew by whoever comes next.
Called by what keeps documents there: the monitors' bucket, the query services' leases and notes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.js.errors
from nats.js.api import KeyValueConfig
from nats.js.kv import KeyValue

from atoll.bus import FOREIGN_ERRORS, Bus

T = TypeVar("T")

# Answers about a key, from a bucket that is there.
_NOTHING_WRONG = (
    nats.js.errors.KeyNotFoundError,
    nats.js.errors.KeyDeletedError,
    nats.js.errors.KeyWrongLastSequenceError,
)


class KeptBucket:
    """The bucket that `config` names, in a JetStream domain."""

    def __init__(self, bus: Bus, domain: str | None, config: KeyValueConfig) -> None:
        self._bus, self._domain, self._config = bus, domain, config
        self._open: KeyValue | None = None

    async def use(self, work: Callable[[KeyValue], Awaitable[T]]) -> T:
        """What `work` makes of the bucket. The driver's own errors, `atoll.bus.FOREIGN_ERRORS`, pass."""
        bucket = self._open or await self._opened()
        try:
            return await work(bucket)
        except _NOTHING_WRONG:
            raise
        except FOREIGN_ERRORS:
            self._open = None
            raise

    async def _opened(self) -> KeyValue:
        js = self._bus.jetstream(self._domain)
        try:
            self._open = await js.key_value(self._config.bucket)
        except nats.js.errors.BucketNotFoundError:
            self._open = await js.create_key_value(self._config)
        return self._open
