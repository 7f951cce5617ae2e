"""The connection to NATS: made in the background, kept for ever, never needed to start. I/O.

A daemon starts and serves without NATS; whatever needs it gets `BusUnavailable` at once and tries
again later. Streams and durable consumers are in streams.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from atoll.bus_client import LastingClient
from atoll.bus_domain import DomainJetStream
from atoll.bus_options import RECONNECT_SECONDS, connect_options
from atoll.daemon_settings import DaemonSettings
from atoll.errors import Unavailable
from atoll.lifecycle import cancel_and_wait

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 5.0

# What nats-py raises when the server, its JetStream or the way to it is gone for now.
FOREIGN_ERRORS = (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError)


class BusUnavailable(Unavailable):
    """NATS or its JetStream cannot be reached now."""

    slug = "bus-unavailable"
    title = "The message bus is not available now"


class Inbox:
    """Subjects that nobody else knows: `prefix` and one more word."""

    def __init__(self, prefix: str, subscription: Subscription) -> None:
        self.prefix, self._subscription = prefix, subscription

    async def close(self) -> None:
        """Return when all that the server sent has been heard, and nothing more will come.

        Raises `FOREIGN_ERRORS`; after a lost connection there is nothing to be sent, and nothing to close.
        """
        await self._subscription.drain()


class Bus:
    """One NATS connection of one daemon."""

    def __init__(self, settings: DaemonSettings) -> None:
        self._settings = settings
        self._client = LastingClient()
        self._connected = asyncio.Event()
        self._reconnected: list[Callable[[], None]] = []
        self._published: dict[str | None, JetStreamContext] = {}
        self._last_failure = ""
        self._begun = False
        self.connections = 0  # so far; what was asked of the server in an earlier one is not answered

    @property
    def connected(self) -> bool:
        """Whether there is a live connection now."""
        return self._client.is_connected

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every reconnect: messages may have been missed."""
        self._reconnected.append(callback)

    async def wait_connected(self) -> None:
        """Return once the first connection stands."""
        await self._connected.wait()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bus]:
        """Connect in the background while the context lasts; send what waits at its end.

        `SettingsError` at once for a password or certificate that cannot be used: no retry mends that.
        """
        options = connect_options(self._settings) | {
            "error_cb": self._failed,
            "disconnected_cb": self._disconnected,
            "reconnected_cb": self._came_back,
        }
        connecting = asyncio.create_task(self._connect(options), name="nats connect")
        try:
            yield self
        finally:
            await cancel_and_wait([connecting])
            await self._close()

    async def _connect(self, options: dict[str, Any]) -> None:
        self._begun = True
        while True:
            try:
                await self._client.connect(**options)
                break
            except FOREIGN_ERRORS as error:
                log.warning("NATS cannot be reached yet: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)
        self.connections += 1
        self._connected.set()
        log.info("connected to NATS")

    async def _failed(self, error: Exception) -> None:
        """The driver tries for ever and tells nobody: say each new reason once, not its repetitions."""
        level = logging.DEBUG if repr(error) == self._last_failure else logging.WARNING
        self._last_failure = repr(error)
        log.log(level, "NATS: %r", error)

    async def _disconnected(self) -> None:
        log.warning("disconnected from NATS")

    async def _came_back(self) -> None:
        self._last_failure = ""
        self.connections += 1
        log.info("reconnected to NATS")
        for callback in self._reconnected:
            callback()

    async def _close(self) -> None:
        """Flush, not drain: what came and nobody took is in its stream, and comes again."""
        try:
            if self.connected:
                await self.flush()
        except BusUnavailable as error:
            log.warning("NATS was left with messages unsent: %s", error)
        finally:
            if self._begun:  # the driver cannot close what never began to connect
                with suppress(OSError):  # the connection broke just now: the driver still wants to empty it
                    await self._client.close()

    def jetstream(self, domain: str | None = None) -> JetStreamContext:
        """JetStream in a region's domain (None: the server's own). `BusUnavailable` while disconnected."""
        if not self.connected:
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        if domain not in self._published:
            kind = JetStreamContext if domain is None else DomainJetStream
            self._published[domain] = kind(self._client, domain=domain, timeout=PUBLISH_SECONDS)
        return self._published[domain]

    async def publish_kept(
        self, subject: str, body: bytes, headers: dict[str, str], domain: str | None = None
    ) -> None:
        """Publish to a stream and wait for its acknowledgement; `BusUnavailable` when none comes."""
        try:
            await self.jetstream(domain).publish(subject, body, timeout=PUBLISH_SECONDS, headers=headers)
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{subject} was not acknowledged: {error!r}", retry_after=1) from error

    async def publish(
        self, subject: str, body: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """Publish on core NATS: not kept, not acknowledged. `BusUnavailable` while disconnected."""
        if not self.connected:
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        try:
            await self._client.publish(subject, body, reply, headers)
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"{subject} was not sent: {error!r}", retry_after=1) from error

    async def flush(self) -> None:
        """Return once the server has all that was published; `BusUnavailable` when it does not say so."""
        if not self.connected:
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        try:
            await self._client.flush(int(PUBLISH_SECONDS))
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"the server did not confirm: {error!r}", retry_after=1) from error

    async def subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Subscription:
        """Call `callback` for each core message, from the first connection on and after every reconnect."""
        await self.wait_connected()
        return await self._client.subscribe(subject, cb=callback)

    async def open_inbox(self, callback: Callable[[Msg], Awaitable[None]]) -> Inbox:
        """Call `callback` for what is sent to subjects of our own; `BusUnavailable` while disconnected."""
        if not self.connected:
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        try:
            prefix = self._client.new_inbox()
            return Inbox(prefix, await self._client.subscribe(f"{prefix}.*", cb=callback))
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"no inbox: {error!r}", retry_after=1) from error
