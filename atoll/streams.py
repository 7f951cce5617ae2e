"""Region streams and their durable consumers on JetStream. I/O.

Each region has one stream; who needs its events has a durable pull consumer of its own. Both are made
again when they are missing, because a wiped NATS must heal without hands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    StorageType,
    StreamConfig,
)

from atoll import events
from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.model import Region
from atoll.stream_pull import Pull

log = logging.getLogger(__name__)

ACK_WAIT_SECONDS = 30.0
DUPLICATE_WINDOW_SECONDS = 600.0  # a node that died between publish and its own note publishes again
# JetStream sets so much of its disk aside when it makes a stream, and makes none when that is not there:
# with 16 GiB a machine with 60 GB free has no room for a fourth region. 1 GiB is about a million events.
MAX_STREAM_BYTES = 2**30
CHECK_SECONDS = 10.0  # a consumer that is silent for so long is asked whether it still exists
_IN_USE = 10058  # JetStream error code: stream name already in use (somebody was faster)


async def ensure_stream(bus: Bus, region: Region, max_age_hours: int, replicas: int) -> None:
    """Make the region's stream unless it is there. `BusUnavailable` when JetStream does not answer."""
    js = bus.jetstream(region.jetstream_domain)
    name = events.stream_of(region.name)
    try:
        await js.stream_info(name)
    except nats.js.errors.NotFoundError:
        await _add_stream(js, name, region.name, max_age_hours, replicas)
    except FOREIGN_ERRORS as error:
        raise BusUnavailable(f"stream {name} cannot be asked for: {error!r}") from error


async def _add_stream(
    js: JetStreamContext, name: str, region: str, max_age_hours: int, replicas: int
) -> None:
    config = StreamConfig(
        name=name,
        subjects=events.stream_subjects(region),
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=max_age_hours * 3600.0,
        max_bytes=MAX_STREAM_BYTES,
        max_msg_size=events.MAX_EVENT_BYTES * 2,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
    )
    try:
        await js.add_stream(config)
        log.info("made stream %s", name)
    except nats.js.errors.BadRequestError as error:
        if error.err_code != _IN_USE:
            raise BusUnavailable(f"stream {name} cannot be made: {error!r}") from error
    except FOREIGN_ERRORS as error:
        raise BusUnavailable(f"stream {name} cannot be made: {error!r}") from error


class Consumer:
    """A durable pull consumer on one region's stream. Explicit acks; nothing is ever given up by count."""

    def __init__(
        self,
        bus: Bus,
        region: Region,
        durable: str,
        subjects: list[str],
        *,
        max_ack_pending: int,
        stream: str | None = None,
        ack_wait: float | None = None,
    ) -> None:
        """`stream`: another one of the region's than that of its events. `ack_wait`: seconds; None: usual."""
        self.region = region
        self._stream = stream or events.stream_of(region.name)
        self.durable = durable
        self._bus = bus
        self._config = ConsumerConfig(
            durable_name=durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS if ack_wait is None else ack_wait,
            max_deliver=-1,
            max_ack_pending=max_ack_pending,
            filter_subjects=subjects,
        )
        self._pull: Pull | None = None
        self._checked_at = 0.0

    async def fetch(self, batch: int, wait: float) -> list[Msg]:
        """Up to `batch` messages as soon as there is one, or none after `wait` seconds at most.

        `BusUnavailable` when it cannot ask. After a `release` it begins anew.
        """
        return await self._messages(lambda pull: pull.fetch(batch, wait))

    async def fetch_gathered(self, batch: int) -> list[Msg]:
        """Up to `batch` messages that wait by now, perhaps none. `BusUnavailable` as `fetch`."""
        return await self._messages(lambda pull: pull.gathered(batch))

    async def _messages(self, fetch: Callable[[Pull], Awaitable[list[Msg]]]) -> list[Msg]:
        if not self._bus.connected:  # a request made now would be sent with all the others at the reconnect
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        try:
            pull = self._pull or await self._bind()
            messages = await fetch(pull)
            if not messages:
                await self._check(pull)
        except FOREIGN_ERRORS as error:
            await self.release()
            raise BusUnavailable(f"consumer {self.durable}: {error!r}", retry_after=1) from error
        except BusUnavailable:
            await self.release()
            raise
        return messages

    async def _bind(self) -> Pull:
        domain = self.region.jetstream_domain
        js = self._bus.jetstream(domain)
        stream = self._stream
        await self._ensure(js)
        api = f"$JS.{domain}.API" if domain else "$JS.API"
        pull = Pull(self._bus, f"{api}.CONSUMER.MSG.NEXT.{stream}.{self.durable}")
        await pull.open()
        self._pull, self._checked_at = pull, time.monotonic()
        return pull

    async def _ensure(self, js: JetStreamContext) -> None:
        """Make it unless it is there as it should be. Servers that are cut off from most of their cluster
        make none, and refuse even what changes nothing; consumers that are there go on working."""
        try:
            known = (await js.consumer_info(self._stream, self.durable)).config
        except nats.js.errors.NotFoundError:
            known = None
        if known is None or not _alike(known, self._config):
            await js.add_consumer(self._stream, self._config)

    async def _check(self, pull: Pull) -> None:
        """A consumer that went away without a word answers nothing: ask now and then, and bind anew."""
        now = time.monotonic()
        if now - max(pull.heard_at, self._checked_at) < CHECK_SECONDS:
            return
        self._checked_at = now
        try:
            await self._info()
        except FOREIGN_ERRORS as error:
            log.warning("consumer %s is gone, binding anew: %r", self.durable, error)
            await self.release()

    async def _info(self) -> ConsumerInfo:
        js = self._bus.jetstream(self.region.jetstream_domain)
        info: ConsumerInfo = await js.consumer_info(self._stream, self.durable)
        return info

    async def backlog(self) -> int:
        """Messages that wait for this consumer, delivered ones without ack included, whoever reads it.

        `BusUnavailable` when it cannot be asked, or nobody has ever read it.
        """
        if not self._bus.connected:
            raise BusUnavailable("NATS is not connected.", retry_after=1)
        try:
            info = await self._info()
        except FOREIGN_ERRORS as error:
            raise BusUnavailable(f"consumer {self.durable}: {error!r}") from error
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def release(self) -> None:
        """Let go, and give back what nobody took; the durable consumer stays on the server."""
        pull, self._pull = self._pull, None
        if pull is not None:
            await pull.close()


def _alike(known: ConsumerConfig, wanted: ConsumerConfig) -> bool:
    """Whether a consumer needs no change. The server tells one filter in a field of its own."""
    filters = [known.filter_subject] if known.filter_subject else known.filter_subjects
    return (sorted(filters or []), known.ack_wait, known.max_ack_pending, known.max_deliver) == (
        sorted(wanted.filter_subjects or []),
        wanted.ack_wait,
        wanted.max_ack_pending,
        wanted.max_deliver,
    )


async def answer(sending: Awaitable[None]) -> None:
    """Send an ack, nak or term. One that is lost is no error: the message comes again, and is known."""
    try:
        await sending
    except FOREIGN_ERRORS as error:
        log.debug("an answer to a message did not go out: %r", error)
