"""Alerts on their whole way: two monitors on real NATS, an HTTP receiver, an SMTP receiver."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import email
import hashlib
import hmac
import json
import subprocess
import sys

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from bus_settings import until
from test_monitor import (  # the same stage: its fixtures are used by name
    API_KEY,
    as_toml,
    cluster,  # noqa: F401
    put_nodes,
    running,
    settings,  # noqa: F401
    write_private,
)

import monitor.lease as lease_module
from atoll.cancelling import cancel_and_wait
from atoll.ids import now_ms
from atoll.local.ports import any_free_port

pytestmark = pytest.mark.integration
# Fixtures are arguments of the name they are imported by.
# ruff: noqa: F811

SECRET = "0123456789abcdef-of-the-hook"


class Receiver:
    """Takes webhooks and the dead-man's pings; `status` is what it answers."""

    def __init__(self):
        self.status, self.posts, self.pings, self.port = 200, [], 0, any_free_port()

    @contextlib.asynccontextmanager
    async def up(self):
        app = web.Application()
        app.router.add_post("/hook", self._post)
        app.router.add_get("/ping", self._ping)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _post(self, request):
        self.posts.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    async def _ping(self, request):
        self.pings += 1
        return web.Response()

    def said(self, rule="capacity"):
        """(name, transition, level) of everything that was taken."""
        alerts = [alert for _, body in self.posts for alert in json.loads(body)["alerts"]]
        return [(a["name"], a["transition"], a["level"]) for a in alerts if a["rule"] == rule]


@pytest.fixture
async def receiver():
    async with Receiver().up() as there:
        yield there


def with_channels(settings, tmp_path, receiver, more="", **changes):
    hook = (
        f'[[channel]]\nname = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:{receiver.port}/hook"\n'
        f'secret = "{SECRET}"\n'
    )
    file = write_private(tmp_path / "channels.toml", (hook + more).encode())
    facts = {"alert_channels_file": file, "alert_group_seconds": 0.3, "engine_seconds": 0.2} | changes
    return dataclasses.replace(settings, **facts)


@contextlib.asynccontextmanager
async def beating(cluster, **percent):
    """Nodes send heartbeats all the while; `percent` may be changed."""

    async def beat():
        while True:
            for node, used in percent.items():
                await cluster.beat(node.replace("_", "-"), used_percent=used, quarantined=0, wanted=0)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(beat())
    try:
        yield percent
    finally:
        await cancel_and_wait([task])


async def order(daemon, method, path, body=None, key=API_KEY):
    headers = {"Authorization": f"Bearer {key}"}
    async with daemon._session.request(method, daemon.base + path, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_webhook_is_signed_and_what_comes_together_is_one_message(
    settings, cluster, receiver, tmp_path
):
    async with running(with_channels(settings, tmp_path, receiver)), beating(cluster, eu_1=85, us_1=95):
        await until(lambda: len(receiver.said()) >= 2)
    headers, body = receiver.posts[0]
    fields = dict(part.split("=") for part in headers["Atoll-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, "sha256").hexdigest()
    assert fields["v1"] == expected
    assert sorted(receiver.said()) == [("eu-1", "raised", "warning"), ("us-1", "raised", "critical")]
    assert len([1 for _, b in receiver.posts if b'"rule":"capacity"' in b]) == 1


async def test_a_receiver_that_is_ill_is_seen_tried_again_and_told_in_the_end(
    settings, cluster, receiver, tmp_path
):
    receiver.status = 503
    async with (
        running(with_channels(settings, tmp_path, receiver)) as daemon,
        beating(cluster, eu_1=85, us_1=50),
    ):
        seen = await daemon.until("/v1/channels", lambda body: body["channels"][1]["failures"] >= 2)
        hook = seen["channels"][1]
        assert (hook["name"], hook["error"], hook["sent"]) == ("hook", "the receiver answered 503", 0)
        assert hook["waiting"] >= 1
        metrics = await daemon.metrics()
        assert metrics["atoll_monitor_alert_failures_total", "hook"] >= 2
        assert metrics["atoll_monitor_undelivered_seconds", "hook"] > 0
        receiver.posts.clear()
        receiver.status = 200
        await daemon.until("/v1/channels", lambda body: body["channels"][1]["sent"] >= 1)
        await until(lambda: ("eu-1", "raised", "warning") in receiver.said())
        assert (await daemon.read("/v1/channels"))["channels"][1]["error"] is None


class Postbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"

    def texts(self):
        parts = [part for mail in self.mails for part in mail.walk() if part.get_content_maintype() == "text"]
        return [part.get_payload(decode=True).decode() for part in parts]


@pytest.fixture
def postbox():
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=any_free_port())
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's, below 3.13
async def test_people_get_a_mail_that_says_what_and_what_to_do_and_another_at_its_end(
    settings, cluster, receiver, postbox, tmp_path
):
    url = f"mailto://127.0.0.1:{postbox.port}?from=atoll@example.org&to=ops@example.org&mode=insecure"
    more = f'[[channel]]\nname = "mail"\nkind = "apprise"\nurl = "{url}"\nrules = ["capacity"]\n'
    async with (
        running(with_channels(settings, tmp_path, receiver, more)) as daemon,
        beating(cluster, eu_1=85, us_1=50) as percent,
    ):
        await until(lambda: postbox.mails)
        assert "warning: node eu-1 is 85.0% full" in str(email.header.make_header(
            email.header.decode_header(postbox.mails[0]["Subject"])))  # fmt: skip
        assert any("Add nodes" in text for text in postbox.texts())
        percent["eu_1"] = 50
        await until(lambda: len(postbox.mails) >= 2)
        assert any("no more: node eu-1" in text for text in postbox.texts())
        assert len((await daemon.read("/v1/alerts/history"))["alerts"]) >= 2


async def test_silences_and_acknowledgements_are_ordered_with_an_admin_key_and_hold_for_both_monitors(
    settings, cluster, receiver, tmp_path, own_nats
):
    await put_nodes(tmp_path, own_nats)
    admin = "an-admin-key-for-tests"
    digest = hashlib.sha256(admin.encode()).hexdigest()
    with settings.api_keys_file.open("a") as file:
        file.write(f'[[key]]\nid = "ann"\nsha256 = "{digest}"\nscopes = ["read", "admin"]\n')
    settings = with_channels(settings, tmp_path, receiver)
    other = dataclasses.replace(
        settings, name="monitor-2", listen_port=any_free_port(), state_dir=tmp_path / "second"
    )
    async with (
        running(settings) as first,
        running(other) as second,
        beating(cluster, eu_1=50, us_1=50) as percent,
    ):
        await first.until("/v1/channels", lambda body: body["leader"])
        order_of = {"seconds": 600, "name": "us-*", "why": "disks are being moved"}
        assert (await order(first, "POST", "/v1/silences", order_of))[0] == 403
        status, silence = await order(first, "POST", "/v1/silences", order_of, admin)
        assert (status, silence["by"]) == (201, "ann")
        assert (await order(first, "POST", "/v1/silences", {"seconds": 0}, admin))[0] == 400
        await second.until("/v1/silences", lambda body: len(body["silences"]) == 1)
        percent |= {"eu_1": 85, "us_1": 85}
        await until(lambda: receiver.said() == [("eu-1", "raised", "warning")])
        shown = await second.until("/v1/alerts", lambda body: len(body["alerts"]) >= 2)
        silenced = {a["name"]: a["silenced_until"] for a in shown["alerts"] if a["rule"] == "capacity"}
        assert silenced["us-1"] is not None
        assert silenced["eu-1"] is None

        body = {"alert": "capacity/node/eu-1", "why": "ordering disks"}
        assert (await order(first, "POST", "/v1/alerts/acknowledge", body, admin))[0] == 200
        assert (await order(first, "POST", "/v1/alerts/acknowledge", {"alert": "none"}, admin))[0] == 404
        await first.until(
            "/v1/alerts", lambda body: any(a["acknowledged_by"] == "ann" for a in body["alerts"])
        )
        assert (await order(first, "DELETE", f"/v1/silences/{silence['id']}", None, admin))[0] == 200
        await until(lambda: ("us-1", "raised", "warning") in receiver.said())


async def test_one_of_two_monitors_tells_and_the_other_takes_over_without_telling_again(
    settings, cluster, receiver, tmp_path, own_nats
):
    await put_nodes(tmp_path, own_nats)
    settings = with_channels(settings, tmp_path, receiver)
    other = dataclasses.replace(
        settings, name="monitor-2", listen_port=any_free_port(), state_dir=tmp_path / "second"
    )
    async with running(settings) as first, beating(cluster, eu_1=85, us_1=50) as percent:
        await first.until("/v1/channels", lambda body: body["leads"])
        async with running(other) as second:
            await until(lambda: receiver.said() == [("eu-1", "raised", "warning")])
            assert not (await second.read("/v1/channels"))["leads"]
            await second.until(
                "/v1/alerts", lambda body: any(a["rule"] == "capacity" for a in body["alerts"])
            )
            # It dies without a word: its tasks hang, as a stopped process does.
            first_lease = await first.read("/v1/channels")
            original = lease_module.Lease.turn

            async def hangs(self):
                if self._name == "monitor-1":
                    return
                await original(self)

            lease_module.Lease.turn = hangs
            try:
                begun = asyncio.get_running_loop().time()
                taken = await second.until("/v1/channels", lambda body: body["leads"])
                assert asyncio.get_running_loop().time() - begun < 10, "the promise of docs/monitor.md"
                assert taken["term"] == first_lease["term"] + 1
                assert not (await first.read("/v1/channels"))["leads"]
                percent["us_1"] = 95
                await until(lambda: ("us-1", "raised", "critical") in receiver.said())
                assert receiver.said().count(("eu-1", "raised", "warning")) == 1
                assert receiver.said().count(("us-1", "raised", "critical")) == 1
            finally:
                lease_module.Lease.turn = original


async def test_what_nobody_acknowledges_is_told_to_the_next_ones(settings, cluster, receiver, tmp_path):
    async with Receiver().up() as boss:
        more = (
            f'[[channel]]\nname = "boss"\nkind = "webhook"\nurl = "http://127.0.0.1:{boss.port}/hook"\n'
            f'secret = "{SECRET}"\nafter_seconds = 2.0\n'
        )
        file = with_channels(settings, tmp_path, receiver, more)
        with file.api_keys_file.open("a") as keys:
            digest = hashlib.sha256(b"admin").hexdigest()
            keys.write(f'[[key]]\nid = "ann"\nsha256 = "{digest}"\nscopes = ["read", "admin"]\n')
        async with running(file) as daemon, beating(cluster, eu_1=85, us_1=50) as percent:
            await until(lambda: receiver.said() == [("eu-1", "raised", "warning")])
            body = {"alert": "capacity/node/eu-1", "why": "ordering disks"}
            assert (await order(daemon, "POST", "/v1/alerts/acknowledge", body, "admin"))[0] == 200
            percent["us_1"] = 85  # later, so the boss would have been told of eu-1 before
            await until(lambda: boss.said())
            assert boss.said() == [("us-1", "raised", "warning")]
            history = (await daemon.read("/v1/alerts/history"))["alerts"]
            (raised,) = [alert for alert in history if alert["key"] == "capacity/node/us-1"]
            assert now_ms() - raised["since"] >= 2000
            percent |= {"eu_1": 50, "us_1": 50}
            await until(lambda: len(receiver.said()) == 4 and len(boss.said()) == 2)
            assert boss.said()[-1] == ("us-1", "cleared", "ok")


async def test_a_dead_mans_switch_is_asked_while_the_cluster_is_looked_at(
    settings, cluster, receiver, tmp_path
):
    url = write_private(tmp_path / "deadman", f"http://127.0.0.1:{receiver.port}/ping".encode())
    settings = with_channels(settings, tmp_path, receiver, deadman_url_file=url, deadman_seconds=1)
    async with running(settings) as daemon:
        await daemon.until("/v1/channels", lambda body: body["leads"])
        await until(lambda: receiver.pings >= 2)


async def test_without_nats_people_are_told_that_nats_is_away(settings, own_nats, receiver, tmp_path):
    async with running(with_channels(settings, tmp_path, receiver)) as daemon:
        await daemon.until("/v1/channels", lambda body: body["leads"])
        own_nats.kill()
        await until(lambda: ("nats", "raised", "critical") in receiver.said("nats"))


async def test_a_nats_that_hangs_is_told_and_no_node_is_accused(
    settings, own_nats, cluster, receiver, tmp_path
):
    async with (
        running(with_channels(settings, tmp_path, receiver)) as daemon,
        beating(cluster, eu_1=50, us_1=50),
    ):
        await daemon.until("/v1/nodes", lambda body: {n["state"] for n in body["nodes"]} == {"healthy"})
        await daemon.until("/v1/channels", lambda body: body["leads"])
        own_nats.hang()
        await until(lambda: ("nats", "raised", "critical") in receiver.said("nats"))
        assert {n["state"] for n in (await daemon.read("/v1/nodes"))["nodes"]} == {"unknown"}
        (finding,) = [f for f in (await daemon.read("/v1/findings"))["findings"] if f["rule"] == "nats"]
        assert "the connection stands, and brings nothing" in finding["detail"]
        own_nats.go_on()
        await until(lambda: ("nats", "cleared", "ok") in receiver.said("nats"))
        for rule in ("node_silent", "region_silent", "set_down", "no_writable_set"):
            assert receiver.said(rule) == []


@contextlib.contextmanager
def as_process(settings, tmp_path):
    """The monitor as a process of its own, to be killed."""
    file = tmp_path / f"{settings.name}.toml"
    file.write_text(
        as_toml(settings)
        + f'\nalert_channels_file = "{settings.alert_channels_file}"\nalert_group_seconds = 0.3\n'
    )
    argv = [sys.executable, "-m", "monitor", "--settings", str(file)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def remember_ten_days(state_dir):
    """What a monitor knows that has watched eu-1 for so long; to be there before it starts."""
    now, hour = now_ms() / 1000, 3600
    points = [(now - (240 - number) * hour, 1000.0 * number) for number in range(240)]
    state_dir.mkdir(parents=True)
    (state_dir / "growth.json").write_text(json.dumps({"eu-1/bytes": points}))


def foretells(body):
    return [
        f for f in body["forecasts"] if (f["scope"], f["name"]) == ("node", "eu-1") and f["known_days"] > 9
    ]


async def test_the_other_monitor_leads_within_ten_seconds_of_the_leaders_sudden_death_and_foretells(
    settings, cluster, receiver, tmp_path, own_nats
):
    await put_nodes(tmp_path, own_nats)
    settings = with_channels(settings, tmp_path, receiver)
    doomed = dataclasses.replace(
        settings, name="monitor-0", listen_port=any_free_port(), state_dir=tmp_path / "doomed"
    )
    remember_ten_days(doomed.state_dir)
    with as_process(doomed, tmp_path) as process:
        async with beating(cluster, eu_1=85, us_1=50) as percent:
            await until(lambda: receiver.said() == [("eu-1", "raised", "warning")])
            async with running(settings) as second:
                led = await second.until("/v1/channels", lambda body: body["leader"] == "monitor-0")
                await second.until(
                    "/v1/alerts", lambda body: any(a["rule"] == "capacity" for a in body["alerts"])
                )
                assert not led["leads"]
                begun = asyncio.get_running_loop().time()
                process.kill()
                await second.until("/v1/channels", lambda body: body["leads"])
                await second.until("/v1/forecast", foretells)
                assert asyncio.get_running_loop().time() - begun < 10, "the promise of docs/monitor.md"
                percent["us_1"] = 95
                await until(lambda: ("us-1", "raised", "critical") in receiver.said())
                await until(lambda: ("monitor-0", "raised", "warning") in receiver.said("monitor_silent"))
                assert receiver.said().count(("eu-1", "raised", "warning")) == 1
                percent["eu_1"] = 50
                await until(lambda: ("eu-1", "cleared", "ok") in receiver.said())
                ids = {a["id"] for _, body in receiver.posts for a in json.loads(body)["alerts"]
                       if a["key"] == "capacity/node/eu-1"}  # fmt: skip
                assert len(ids) == 1


async def test_the_history_of_a_monitor_that_was_killed_goes_on_where_it_was(
    settings, cluster, receiver, tmp_path, own_nats
):
    await put_nodes(tmp_path, own_nats)
    settings = with_channels(settings, tmp_path, receiver)
    async with beating(cluster, eu_1=85, us_1=50) as percent:
        with as_process(settings, tmp_path) as process:
            await until(lambda: "capacity/node/eu-1" in _told(settings.state_dir).get("hook", ()))
            process.kill()
        with (settings.state_dir / "alert_history.jsonl").open("ab") as file:
            file.write(b'{"id": "half a')  # the machine went down with it
        async with running(settings) as again:
            percent["eu_1"] = 50
            await until(lambda: ("eu-1", "cleared", "ok") in receiver.said())
            await again.until("/v1/alerts/history", lambda body: len(_capacity(body)) == 2)
        async with running(settings) as third:
            told = _capacity(await third.read("/v1/alerts/history"))
    assert [alert["transition"] for alert in told] == ["cleared", "raised"]
    assert len({alert["id"] for alert in told}) == 1
    assert len(receiver.said()) == 2


def _told(state_dir):
    """What a monitor remembers to have told for certain, by channel."""
    with contextlib.suppress(FileNotFoundError):
        ledgers = json.loads((state_dir / "alerts.json").read_bytes())["told"]
        return {n: {k: t for k, t in told.items() if t["unsure"] is None} for n, told in ledgers.items()}
    return {}


def _capacity(history):
    return [alert for alert in history["alerts"] if alert["rule"] == "capacity"]
