"""What a channel says of a batch that it could not deliver: that nobody has it, or that somebody may."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from alert_maker import a_condition

from atoll.bus import BusUnavailable
from atoll.signing import Keys
from monitor.alerts import Batch, alert_of
from monitor.apprise_channel import AppriseChannel
from monitor.channels import Undelivered
from monitor.nats_channel import NatsChannel
from monitor.webhook_channel import WebhookChannel

BATCH = Batch(tuple(alert_of(a_condition(name=name), "ok", "raised", 1, "m") for name in ("eu-1", "us-1")), 0)


class Courier:
    """A bus that takes so many messages before it is cut off, and then confirms none."""

    def __init__(self, takes):
        self.takes = takes

    async def publish(self, subject, body, headers=None):
        if not self.takes:
            raise BusUnavailable("NATS is not connected.")
        self.takes -= 1

    async def flush(self):
        raise BusUnavailable("the server did not confirm")


async def undelivered(channel):
    with pytest.raises(Undelivered) as refused:
        await channel.send(BATCH)
    return refused.value


@pytest.mark.parametrize(("takes", "perhaps"), [(0, False), (1, True), (2, True)])
async def test_programs_may_have_heard_what_was_published_before_nats_went_away(takes, perhaps):
    assert (await undelivered(NatsChannel(Courier(takes), Keys(b"k" * 32)))).perhaps == perhaps


@pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"
)  # Apprise's mail, where Python has it
async def test_of_several_addresses_some_may_have_had_what_apprise_could_not_deliver():
    got = []

    async def take(request):
        got.append(await request.json())
        return web.Response()

    async with receiver(take) as server:
        channel = AppriseChannel("mail", f"json://127.0.0.1:{server.port}")
        channel._apprise.add(f"json://127.0.0.1:{unused_port()}")
        assert (await undelivered(channel)).perhaps
    assert len(got) == 1


@pytest.mark.parametrize(("status", "perhaps"), [(400, False), (500, False), (502, True), (504, True)])
async def test_a_receiver_behind_a_proxy_that_lost_its_answer_may_have_heard(status, perhaps):
    async def refuse(request):
        return web.Response(status=status)

    async with receiver(refuse) as server:
        assert (await told_by_webhook(server.port)).perhaps == perhaps


async def test_a_receiver_that_hung_up_may_have_heard_and_one_that_is_not_there_has_not():
    async def hang_up(request):
        request.transport.abort()
        return web.Response()

    async with receiver(hang_up) as server:
        assert (await told_by_webhook(server.port)).perhaps
    assert not (await told_by_webhook(unused_port())).perhaps


async def told_by_webhook(port):
    async with aiohttp.ClientSession() as http:
        return await undelivered(WebhookChannel(f"http://127.0.0.1:{port}/", "s" * 32, lambda: http))


@asynccontextmanager
async def receiver(handler):
    app = web.Application()
    app.router.add_post("/", handler)
    async with TestServer(app) as server:
        yield server
