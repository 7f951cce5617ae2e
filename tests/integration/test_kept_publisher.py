"""Batches into a stream on real NATS: each message is in the stream, or its outcome says why not."""

from __future__ import annotations

import asyncio

import pytest
from bus_settings import DEADLINE

from atoll.bus import BusUnavailable
from atoll.events import stream_of
from atoll.kept_publisher import Kept, KeptPublisher
from atoll.model import Region
from atoll.streams import ensure_stream

pytestmark = pytest.mark.integration

EU = Region("eu", 50, 8)
SUBJECT = "atoll.eu.blob.stored.s1"


def messages(*names, body=b"x"):
    return [Kept(SUBJECT, body, {"Nats-Msg-Id": str(name)}) for name in names]


async def in_stream(bus):
    return (await bus.jetstream().stream_info(stream_of("eu"))).state.messages


async def test_a_batch_is_in_the_stream_each_message_once(bus):
    await ensure_stream(bus, EU, 1, 1)
    publisher = KeptPublisher(bus)
    assert await publisher.publish(messages(*range(300))) == [None] * 300
    assert await publisher.publish(messages(*range(290, 310))) == [None] * 20
    assert await in_stream(bus) == 310
    assert await publisher.publish([]) == []


async def test_without_a_stream_every_message_has_failed(bus):
    outcomes = await KeptPublisher(bus).publish(messages(1, 2))
    assert [type(outcome) for outcome in outcomes] == [BusUnavailable] * 2


async def test_a_message_that_is_refused_does_not_hold_up_the_others(bus):
    await ensure_stream(bus, EU, 1, 1)
    too_long_for_the_stream = messages("long", body=b"x" * 200_000)
    too_long_for_the_server = messages("longer", body=b"x" * 2_000_000)
    batch = [*messages(1), *too_long_for_the_stream, *too_long_for_the_server, *messages(2)]
    first, long, longer, last = await KeptPublisher(bus).publish(batch)
    assert (first, last) == (None, None)
    assert isinstance(long, BusUnavailable)
    assert isinstance(longer, BusUnavailable)
    assert await in_stream(bus) == 2


async def test_without_a_server_every_message_has_failed_and_later_ones_arrive(own_nats, bus):
    await ensure_stream(bus, EU, 1, 1)
    publisher = KeptPublisher(bus)
    own_nats.stop()
    async with asyncio.timeout(DEADLINE):
        while None in await publisher.publish(messages(1)):
            pass
        own_nats.start()
        while await publisher.publish(messages(2, 3)) != [None, None]:  # noqa: ASYNC110 - the stream comes back in its own time
            await asyncio.sleep(0.05)
    assert await in_stream(bus) >= 2
