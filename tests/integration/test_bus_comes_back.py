"""Whatever a NATS server says as it closes a connection, the bus comes back and goes on where it was."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from bus_settings import DEADLINE, settings_for, until
from cut_proxy import CutProxy
from own_nats import OwnNats

from atoll.bus import Bus, BusUnavailable

pytestmark = pytest.mark.integration

LAST_WORDS = (
    b"-ERR 'Slow Consumer'\r\n",
    b"-ERR 'User Authentication Expired'\r\n",
    b"-ERR 'Authorization Violation'\r\n",
    b"-ERR 'Stale Connection'\r\n",
    b"no protocol at all\r\n",
)


class Speaking(CutProxy):
    """A link that can say something to the client which the server did not say."""

    client: asyncio.StreamWriter

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.client = writer
        await super()._join(reader, writer)


class Greeting(CutProxy):
    """A link on which the server's ping overtakes its answer to the client's."""

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data.replace(b"PONG\r\n", b"PING\r\nPONG\r\n"))
            await writer.drain()


@pytest.fixture(scope="module")
def own_nats(tmp_path_factory):
    server = OwnNats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("words", LAST_WORDS)
async def test_a_bus_that_was_sent_away_comes_back_and_hears_again(own_nats, tmp_path, words):
    heard = asyncio.Event()

    async def on_message(message):
        heard.set()

    async with Speaking(own_nats.port) as link, _bus(link, tmp_path) as bus:
        back = asyncio.Event()
        bus.on_reconnect(back.set)
        await bus.subscribe("a.*", on_message)
        link.client.write(words)
        await asyncio.wait_for(back.wait(), DEADLINE)
        await _until_heard(bus, heard)


async def test_a_ping_that_overtakes_the_greeting_does_not_make_a_bus_deaf(own_nats, tmp_path):
    heard = asyncio.Event()

    async def on_message(message):
        heard.set()

    async with Greeting(own_nats.port) as link, _bus(link, tmp_path) as bus:
        await bus.subscribe("a.*", on_message)
        await _until_heard(bus, heard)
        assert bus.connected


async def test_a_subject_that_is_refused_costs_no_connection(own_nats, tmp_path, caplog):
    async with Speaking(own_nats.port) as link, _bus(link, tmp_path) as bus:
        await bus.wait_connected()
        link.client.write(b"-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n")
        await until(lambda: "permissions violation" in caplog.text.lower())
        assert bus.connected


def _bus(link, directory):
    return Bus(settings_for(directory, f"nats://127.0.0.1:{link.port}")).opened()


async def _until_heard(bus, heard):
    async with asyncio.timeout(DEADLINE):
        while not heard.is_set():
            with contextlib.suppress(BusUnavailable):  # not back yet
                await bus.publish("a.b", b"")
            await asyncio.sleep(0.02)
