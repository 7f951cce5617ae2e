"""The bus and the consumers on real NATS: absent, late, killed, wiped."""

from __future__ import annotations

import asyncio
import contextlib

import nats.js.errors
import pytest
from bus_settings import DEADLINE, settings_for, until
from own_nats import OwnNats
from record_maker import SHA

from atoll import streams
from atoll.bus import Bus, BusUnavailable
from atoll.events import BlobReplicated, open_event, seal_event, stream_of, subject_of
from atoll.ids import new_id
from atoll.model import Region
from atoll.settings import SettingsError
from atoll.signing import Keys
from atoll.streams import Consumer, ensure_stream

pytestmark = pytest.mark.integration

KEYS = Keys(b"k" * 32)
EU = Region("eu", 50, 8)
SUBJECTS = ["atoll.eu.blob.>"]


@pytest.fixture
async def stream(bus):
    await bus.wait_connected()
    await ensure_stream(bus, EU, 1, 1)


def an_event(number=0):
    return BlobReplicated(new_id(), 1, "eu-1", "eu", "s1", "photos", SHA, "jpg", number)


async def publish(bus, event):
    await bus.publish_kept(subject_of(event), *seal_event(event, KEYS))


async def persistently(act):
    """What a daemon does: `act` again until NATS lets it."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await act()
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def fetch_all(consumer, count, wait=0.5):
    """Fetch and ack until `count` different events came; their sizes in order."""
    found = {}
    async with asyncio.timeout(DEADLINE):
        while len(found) < count:
            for message in await persistently(lambda: consumer.fetch(10, wait)):
                event = open_event(message.subject, message.data, message.headers, KEYS)
                found.setdefault(event.id, event.size)
                await message.ack()
    return list(found.values())


def new_consumer(bus, name="replicator-eu-1"):
    return Consumer(bus, EU, name, SUBJECTS, max_ack_pending=100)


async def test_a_bus_starts_without_a_server_and_connects_when_there_is_one(own_nats, tmp_path):
    own_nats.stop()
    async with Bus(settings_for(tmp_path, own_nats.url)).opened() as bus:
        assert not bus.connected
        for act in (lambda: bus.publish("a", b""), lambda: bus.publish_kept("a", b"", {}), bus.flush):
            with pytest.raises(BusUnavailable):
                await act()
        own_nats.start()
        await asyncio.wait_for(bus.wait_connected(), DEADLINE)
        assert bus.connected
        await bus.publish("a", b"")
        await bus.flush()


async def test_a_bus_that_never_connected_ends_quickly(own_nats, tmp_path):
    own_nats.stop()
    async with asyncio.timeout(DEADLINE):
        async with Bus(settings_for(tmp_path, own_nats.url)).opened():
            await asyncio.sleep(0)


async def test_the_first_server_of_a_list_may_be_down(own_nats, tmp_path):
    urls = f"nats://127.0.0.1:1, {own_nats.url}"
    async with Bus(settings_for(tmp_path, urls)).opened() as bus:
        await asyncio.wait_for(bus.wait_connected(), DEADLINE)


def protected(tmp_path):
    server = OwnNats(tmp_path, user="atoll", password="right-password")
    server.start()
    return server


async def test_a_password_is_read_from_its_file(tmp_path):
    server = protected(tmp_path)
    (tmp_path / "password").write_text("right-password\n")
    (tmp_path / "password").chmod(0o600)
    changes = {"nats_user": "atoll", "nats_password_file": tmp_path / "password"}
    try:
        async with Bus(settings_for(tmp_path, server.url, **changes)).opened() as bus:
            await asyncio.wait_for(bus.wait_connected(), DEADLINE)
    finally:
        server.kill()


async def test_a_wrong_password_is_said_in_the_log(tmp_path, caplog):
    server = protected(tmp_path)
    try:
        async with Bus(settings_for(tmp_path, server.url)).opened() as bus:
            await until(lambda: "Authorization Violation" in caplog.text)
            assert not bus.connected
        assert "right-password" not in caplog.text
    finally:
        server.kill()


@pytest.mark.parametrize("file", ["nats_password_file", "nats_tls_ca_file"])
async def test_a_secret_or_certificate_that_cannot_be_read_stops_the_start(own_nats, tmp_path, file):
    changes = {"nats_user": "atoll", file: tmp_path / "missing"}
    with pytest.raises(SettingsError, match="missing"):
        async with Bus(settings_for(tmp_path, own_nats.url, **changes)).opened():
            pytest.fail("it started")


async def test_a_password_that_is_no_text_stops_the_start(own_nats, tmp_path):
    password = tmp_path / "password"
    password.write_bytes(b"\xff\xfe")
    password.chmod(0o600)
    settings = settings_for(tmp_path, own_nats.url, nats_user="atoll", nats_password_file=password)
    with pytest.raises(SettingsError, match="UTF-8"):
        async with Bus(settings).opened():
            pytest.fail("it started")


async def test_a_kept_message_is_acknowledged_and_deduplicated_by_its_id(bus, stream):
    event = an_event()
    for _ in range(3):
        await publish(bus, event)
    await publish(bus, an_event())
    info = await bus.jetstream().stream_info(stream_of("eu"))
    assert info.state.messages == 2


async def test_without_a_stream_nothing_is_acknowledged(bus):
    await bus.wait_connected()
    with pytest.raises(BusUnavailable, match="not acknowledged"):
        await publish(bus, an_event())


async def test_acknowledged_messages_outlive_a_killed_server(bus, stream, own_nats):
    events = [an_event(number) for number in range(20)]
    for event in events:
        await publish(bus, event)
    own_nats.kill()
    own_nats.start()
    assert sorted(await fetch_all(new_consumer(bus), 20)) == list(range(20))


async def test_after_a_reconnect_who_asked_is_told_and_subscriptions_go_on(bus, own_nats):
    told, heard = asyncio.Event(), asyncio.Event()
    bus.on_reconnect(told.set)

    async def on_message(message):
        heard.set()

    await bus.subscribe("a.*", on_message)
    own_nats.kill()
    await until(lambda: not bus.connected)
    own_nats.start()
    await asyncio.wait_for(told.wait(), DEADLINE)
    async with asyncio.timeout(DEADLINE):
        while not heard.is_set():
            await persistently(lambda: bus.publish("a.b", b""))
            await asyncio.sleep(0.02)


async def test_a_stream_is_made_once_whoever_comes_first(bus):
    await bus.wait_connected()
    await asyncio.gather(*(ensure_stream(bus, EU, 1, 1) for _ in range(5)))
    info = await bus.jetstream().stream_info(stream_of("eu"))
    assert info.config.duplicate_window == streams.DUPLICATE_WINDOW_SECONDS


async def test_a_stream_cannot_be_made_without_nats(own_nats, tmp_path):
    own_nats.stop()
    with pytest.raises(BusUnavailable):
        await ensure_stream(Bus(settings_for(tmp_path, own_nats.url)), EU, 1, 1)


async def test_a_consumer_without_messages_waits_and_gives_none(bus, stream):
    assert await new_consumer(bus).fetch(10, 0.2) == []


async def test_a_bus_does_not_wait_for_the_request_of_a_consumer_that_nobody_released(own_nats, tmp_path):
    async with asyncio.timeout(DEADLINE):
        async with Bus(settings_for(tmp_path, own_nats.url)).opened() as bus:
            await bus.wait_connected()
            await ensure_stream(bus, EU, 1, 1)
            consumer = new_consumer(bus)
            waiting = asyncio.create_task(consumer.fetch(10, 3 * DEADLINE))
            await until_waiting(bus, consumer)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_unacknowledged_message_is_counted_and_kept_for_the_next_who_binds(bus, stream):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    await publish(bus, an_event(2))
    (message,) = await consumer.fetch(1, 5)
    assert await consumer.backlog() == 2
    await message.nak()
    await consumer.release()
    assert sorted(await fetch_all(new_consumer(bus), 2)) == [1, 2]


async def test_an_event_is_handed_over_when_it_comes_and_not_when_the_wait_is_over(bus, stream):
    consumer = new_consumer(bus)
    await consumer.fetch(10, 0.1)
    waiting = asyncio.create_task(consumer.fetch(10, 3 * DEADLINE))
    await until_waiting(bus, consumer)
    await publish(bus, an_event(1))
    (message,) = await asyncio.wait_for(waiting, DEADLINE)
    await message.ack()
    await publish(bus, an_event(2))  # the same request brings it: it was for ten
    assert await asyncio.wait_for(fetch_all(consumer, 1, 3 * DEADLINE), DEADLINE) == [2]


async def test_a_request_stays_open_over_several_short_waits(bus, stream):
    consumer, asked = new_consumer(bus), []

    async def on_request(message):
        asked.append(message)

    await bus.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", on_request)
    for _ in range(4):
        assert await consumer.fetch(10, 0.05) == []
    await bus.flush()
    assert len(asked) == 1
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1) == [1]


async def test_what_came_and_nobody_took_is_given_back(bus, stream):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1, DEADLINE) == [1]  # its request stays open for nine more
    for number in (2, 3):
        await publish(bus, an_event(number))
    await until_delivered(bus, consumer, 2)
    await consumer.release()
    assert DEADLINE < streams.ACK_WAIT_SECONDS
    assert sorted(await fetch_all(new_consumer(bus), 2)) == [2, 3]


async def until_delivered(bus, consumer, count):
    async with asyncio.timeout(DEADLINE):
        while True:
            info = await bus.jetstream().consumer_info(stream_of("eu"), consumer.durable)
            if info.num_ack_pending == count:
                return
            await asyncio.sleep(0.01)


async def test_two_consumers_each_get_everything(bus, stream):
    for number in range(5):
        await publish(bus, an_event(number))
    for name in ("replicator-eu-1", "indexer"):
        assert await fetch_all(new_consumer(bus, name), 5) == [0, 1, 2, 3, 4]


async def test_a_consumer_goes_on_after_a_restart_of_nats(bus, stream, own_nats):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1) == [1]
    own_nats.kill()
    await until(lambda: not bus.connected)
    with pytest.raises(BusUnavailable):
        await consumer.fetch(10, 0.2)
    own_nats.start()
    await persistently(lambda: publish(bus, an_event(2)))
    assert 2 in await fetch_all(consumer, 1)


async def test_a_fetch_that_waits_while_nats_is_killed_ends_in_time_and_heals(bus, stream, own_nats):
    consumer = new_consumer(bus)
    await consumer.fetch(10, 0.1)
    waiting = asyncio.create_task(consumer.fetch(10, 2))
    await asyncio.sleep(0)
    own_nats.kill()
    own_nats.start()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(waiting.exception(), BusUnavailable | None)
    await persistently(lambda: publish(bus, an_event(3)))
    assert await fetch_all(consumer, 1) == [3]


@pytest.mark.parametrize("batch", [1, 10])
async def test_a_consumer_that_was_deleted_is_made_again(bus, stream, batch):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1) == [1]
    await bus.jetstream().delete_consumer(stream_of("eu"), consumer.durable)
    await publish(bus, an_event(2))
    found = []
    async with asyncio.timeout(DEADLINE):
        while 2 not in found:
            for message in await persistently(lambda: consumer.fetch(batch, 0.3)):
                found.append(open_event(message.subject, message.data, message.headers, KEYS).size)
                await message.ack()


@pytest.mark.parametrize("batch", [1, 10])
async def test_a_consumer_that_is_deleted_while_it_waits_is_made_again(bus, stream, batch):
    consumer = new_consumer(bus)
    await consumer.fetch(batch, 0.1)
    waiting = asyncio.create_task(consumer.fetch(batch, 3))
    await until_waiting(bus, consumer)
    await bus.jetstream().delete_consumer(stream_of("eu"), consumer.durable)
    await publish(bus, an_event(7))
    await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(waiting.exception(), BusUnavailable | None)
    assert await fetch_all(consumer, 1) == [7]


async def until_waiting(bus, consumer):
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(nats.js.errors.NotFoundError):  # it is made by the first fetch
                info = await bus.jetstream().consumer_info(stream_of("eu"), consumer.durable)
                if info.num_waiting:
                    return
            await asyncio.sleep(0.01)


async def test_a_deleted_stream_is_made_again_and_the_consumer_goes_on(bus, stream):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1) == [1]
    await bus.jetstream().delete_stream(stream_of("eu"))
    with pytest.raises(BusUnavailable):
        await publish(bus, an_event(2))
    await ensure_stream(bus, EU, 1, 1)
    await publish(bus, an_event(3))
    assert await fetch_all(consumer, 1) == [3]


async def test_a_wiped_nats_heals_without_hands(bus, stream, own_nats):
    consumer = new_consumer(bus)
    await publish(bus, an_event(1))
    assert await fetch_all(consumer, 1) == [1]
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    await persistently(lambda: ensure_stream(bus, EU, 1, 1))
    await persistently(lambda: publish(bus, an_event(2)))
    assert await fetch_all(consumer, 1) == [2]


async def test_a_bus_may_be_left_while_its_connection_breaks(own_nats, tmp_path):
    async with Bus(settings_for(tmp_path, own_nats.url)).opened() as bus:
        await bus.wait_connected()
        own_nats.kill()
        await until(lambda: not bus.connected)
        driver = bus._client
        driver._pending, driver._pending_data_size = [b"PING\r\n"], 6  # as if it broke before these were sent
    assert driver.is_closed
