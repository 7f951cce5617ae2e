"""The monitor on real NATS: heartbeats in; JSON, metrics and alerts out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import signal
import socket
import subprocess
import sys
from typing import NamedTuple

import aiohttp
import nats
import pytest
from bus_settings import settings_for, until
from heartbeat_maker import a_beat, sealed
from prometheus_client.parser import text_string_to_metric_families

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.errors import NotFound, Unauthorized
from atoll.ids import now_ms
from atoll.lifecycle import Stop
from atoll.local.ports import any_free_port
from atoll.model import Node, Region
from atoll.monitor_api import (
    ACKNOWLEDGE,
    AUDIENCE,
    OVERVIEW,
    Acknowledged,
    MonitorOverview,
    RelayedAcknowledgement,
)
from atoll.node_client import NodeClient, open_session
from atoll.settings import SettingsError
from atoll.signing import Keys
from monitor.alerts import ALL_ALERTS, open_alert
from monitor.app import run
from monitor.settings import MonitorSettings

pytestmark = pytest.mark.integration

SECRET = b"s" * 32
KEYS = Keys(SECRET)
API_KEY = "a-key-for-tests"
REGIONS = {"eu-1": Region("eu", 50, 8), "us-1": Region("us", 40, -75)}
NODES = ("eu-1", "us-1")


def write_private(path, body):
    path.write_bytes(body)
    path.chmod(0o600)
    return path


@pytest.fixture
def settings(tmp_path, own_nats):
    digest = hashlib.sha256(API_KEY.encode()).hexdigest()
    write_key = f'[[key]]\nid = "w"\nsha256 = "{hashlib.sha256(b"w").hexdigest()}"\nscopes = ["write"]\n'
    api_keys = f'[[key]]\nid = "test"\nsha256 = "{digest}"\nscopes = ["read"]\n{write_key}'
    return MonitorSettings(
        name="monitor-1",
        region="eu",
        listen_port=any_free_port(),
        cluster_secret_file=write_private(tmp_path / "secret", SECRET),
        api_keys_file=write_private(tmp_path / "keys.toml", api_keys.encode()),
        state_dir=tmp_path / "monitor",
        nats_url=own_nats.url,
        evaluate_seconds=0.05,
        drain_seconds=1,
    )


class Callee(NamedTuple):
    """Whom a query service believes to call, and where."""

    name: str
    url: str


class Daemon:
    """A running monitor, and its HTTP."""

    def __init__(self, settings, session):
        self.base = f"http://127.0.0.1:{settings.listen_port}"
        self._session = session

    async def get(self, path, key=API_KEY):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self._session.get(self.base + path, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def read(self, path):
        status, body = await self.get(path)
        assert status == 200
        return body

    async def metrics(self):
        async with self._session.get(self.base + "/metrics") as response:
            assert response.status == 200
            families = text_string_to_metric_families(await response.text())
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    async def until(self, path, condition):
        async with asyncio.timeout(20):
            while not condition(body := await self.read(path)):  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.02)
        return body


@contextlib.asynccontextmanager
async def running(settings):
    stop = Stop()
    task = asyncio.create_task(run(settings, stop))
    async with aiohttp.ClientSession() as session:
        daemon = Daemon(settings, session)
        try:
            await answering(daemon, task)
            yield daemon
        finally:
            stop.request()
            await asyncio.wait_for(task, 20)
    assert not stop.failed


async def answering(daemon, task):
    async with asyncio.timeout(20):
        while not task.done():
            with contextlib.suppress(aiohttp.ClientConnectionError):
                await daemon.get("/health")
                return
            await asyncio.sleep(0.01)
    await task


class Cluster:
    """The nodes' side: heartbeats out, alerts in."""

    def __init__(self, client):
        self._client = client
        self.alerts = []
        self.forged = 0

    async def listen(self):
        async def on_alert(message):
            self.alerts.append(open_alert(message.subject, message.data, message.headers, KEYS))

        await self._client.subscribe(ALL_ALERTS, cb=on_alert)
        await self._client.flush()

    async def beat(self, node="eu-1", keys=KEYS, **changes):
        subject, body, headers = sealed(
            a_beat(node, region=node[:2], at=now_ms(), **changes),
            keys,
        )
        await self._client.publish(subject, body, headers=headers)
        await self._client.flush()

    def said(self, scope="node"):
        rules = {"capacity", "set_capacity"}
        return [(a.name, a.transition, a.level) for a in self.alerts if a.scope == scope and a.rule in rules]


@pytest.fixture
async def cluster(own_nats):
    async def quiet(error):
        """Errors of a server that a test stops on purpose."""

    client = await nats.connect(
        own_nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet
    )
    nodes_side = Cluster(client)
    await nodes_side.listen()
    yield nodes_side
    await client.close()


async def put_nodes(tmp_path, own_nats):
    async with Bus(settings_for(tmp_path, own_nats.url)).opened() as bus:
        await bus.wait_connected()
        live = LiveClusterMap(bus, KEYS, tmp_path / "writer", domain=None, replicas=1)
        for name, region in REGIONS.items():
            await live.put(region)
            await live.put(Node(name, region.name, "s1", f"http://{name}.test"))


def level_is(level, name="eu-1"):
    def check(body):
        found = [a["level"] for a in body["alerts"] if (a["rule"], a["name"]) == ("capacity", name)]
        return found == ([level] if level != "ok" else [])

    return check


async def fill(daemon, cluster, percent, level, node="eu-1"):
    """Heartbeats at `percent` until the monitor shows `level`, and then some that change nothing."""
    for _ in range(3):
        await cluster.beat(node, used_percent=percent)
    await daemon.until("/v1/alerts", level_is(level, node))
    for _ in range(3):
        await cluster.beat(node, used_percent=percent)


async def heard(daemon, node="eu-1", used_percent=None):
    def check(body):
        views = [v for v in body["nodes"] if v["node"]["name"] == node and v["heartbeat"]]
        return views and used_percent in {None, views[0]["used_percent"]}

    return await daemon.until("/v1/nodes", check)


async def test_an_alert_at_80_at_92_and_its_end_at_77_are_one_message_each(settings, cluster):
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        for percent, level in [(79.9, "ok"), (80, "warning"), (78, "warning"), (92, "critical"), (77, "ok")]:
            await fill(daemon, cluster, percent, level)
            await heard(daemon, used_percent=percent)
            for scope in ("node", "set"):
                await until(lambda s=scope, lv=level: lv in {*(a[2] for a in cluster.said(s)[-1:]), "ok"})
        await until(lambda: len(cluster.said()) >= 3 and len(cluster.said("set")) >= 3)
    assert cluster.said() == [
        ("eu-1", "raised", "warning"),
        ("eu-1", "changed", "critical"),
        ("eu-1", "cleared", "ok"),
    ]
    assert cluster.said("set") == [(n.replace("eu-1", "s1"), t, lv) for n, t, lv in cluster.said()]


async def until_listening(daemon, cluster, node="eu-1"):
    """Core NATS keeps nothing: send until the monitor hears."""
    async with asyncio.timeout(20):
        while not any(v["heartbeat"] for v in (await daemon.read("/v1/nodes"))["nodes"]):
            await cluster.beat(node)
            await asyncio.sleep(0.02)


async def test_a_forged_heartbeat_changes_nothing_and_is_counted(settings, cluster):
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        await cluster.beat("eu-1", keys=Keys(b"x" * 32), used_percent=99)
        health = await daemon.until("/v1/health", lambda body: body["heartbeats_refused"]["forged"] == 1)
        assert not any("full" in problem for problem in health["problems"])
        (view,) = (await daemon.read("/v1/nodes"))["nodes"]
        assert view["used_percent"] == 50
        assert (await daemon.metrics())["atoll_monitor_heartbeats_refused_total", "forged"] == 1
    assert cluster.said() == []


async def test_json_shows_nodes_sets_capacity_and_health(settings, cluster, own_nats, tmp_path):
    await put_nodes(tmp_path, own_nats)
    async with running(settings) as daemon:
        await daemon.until("/v1/nodes", lambda body: len(body["nodes"]) == 2)
        await until_listening(daemon, cluster)
        await cluster.beat("us-1", used_percent=85)
        await heard(daemon, "us-1")
        await daemon.until("/v1/alerts", level_is("warning", "us-1"))

        nodes = (await daemon.read("/v1/nodes"))["nodes"]
        assert [(v["node"]["name"], v["state"], v["mapped"]) for v in nodes] == [
            ("eu-1", "healthy", True),
            ("us-1", "healthy", True),
        ]
        (s1,) = (await daemon.read("/v1/sets"))["sets"]
        assert (s1["state"], s1["regions"], s1["used_percent"]) == ("healthy", ["eu", "us"], 85.0)
        capacity = await daemon.read("/v1/capacity")
        assert (capacity["bytes_total"], capacity["bytes_free"]) == (2_000_000, 650_000)
        health = await daemon.read("/v1/health")
        assert health["nodes"] == {"healthy": 2, "suspect": 0, "unknown": 0}
        assert health["sets"] == {"healthy": 1, "degraded": 0, "down": 0}
        assert health["alerts"] >= 2
        assert health["state"] == "degraded"


async def test_metrics_parse_and_carry_every_figure_of_a_node(settings, cluster, own_nats, tmp_path):
    await put_nodes(tmp_path, own_nats)
    async with running(settings) as daemon:
        await daemon.until("/v1/nodes", lambda body: len(body["nodes"]) == 2)
        await until_listening(daemon, cluster)
        await cluster.beat("us-1", used_percent=93)
        await heard(daemon, "us-1")
        await daemon.until("/v1/alerts", level_is("critical", "us-1"))
        await daemon.until("/v1/channels", lambda body: body["leads"])
        metrics = await daemon.metrics()
    figures = {
        "up": 1, "free_bytes": 70_000, "total_bytes": 1_000_000, "used_ratio": 0.93, "blobs": 7, "load": 0.25,
        "outbox_events": 3, "outbox_age_seconds": 1.5, "wanted_blobs": 2, "quarantined_blobs": 1,
        "read_only": 0,
    }  # fmt: skip
    for name, value in figures.items():
        assert metrics[f"atoll_node_{name}", "s1", "us", "us-1"] == value
    assert metrics["atoll_nodes", "healthy"] == 2
    assert metrics["atoll_nodes", "suspect"] == 0
    assert metrics["atoll_sets", "healthy"] == 1
    assert metrics["atoll_set_healthy", "s1"] == 1
    assert metrics["atoll_set_used_ratio", "s1"] == 0.93
    assert metrics["atoll_alert_level", "capacity", "node", "us-1"] == 2
    assert metrics["atoll_nats_connected",] == 1
    assert metrics["atoll_monitor_leads",] == 1
    assert metrics["atoll_monitor_heartbeats_total",] >= 2


@pytest.mark.parametrize(
    "path",
    [
        "health",
        "nodes",
        "sets",
        "capacity",
        "alerts",
        "states",
        "findings",
        "forecast",
        "channels",
        "silences",
    ],
)
async def test_v1_wants_a_key_that_may_read(settings, path):
    async with running(settings) as daemon:
        for key, status, slug in [
            (None, 401, "unauthorized"),
            ("wrong", 401, "unauthorized"),
            ("w", 403, "forbidden"),
        ]:
            answer = await daemon.get(f"/v1/{path}", key)
            assert (answer[0], answer[1]["type"]) == (status, f"urn:atoll:problem:{slug}")
        assert (await daemon.get(f"/v1/{path}"))[0] == 200


async def test_an_unknown_path_is_a_problem_document(settings):
    async with running(settings) as daemon:
        status, body = await daemon.get("/v1/nothing")
        assert (status, body["type"]) == (404, "urn:atoll:problem:not-found")


async def test_it_starts_without_nats_and_hears_once_nats_is_there(settings, own_nats, tmp_path):
    own_nats.stop()
    async with running(settings) as daemon:
        assert (await daemon.get("/health", None))[1] == {
            "name": "monitor-1",
            "state": "ready",
            "nats_connected": False,
        }
        assert (await daemon.read("/v1/health"))["problems"] == [
            "NATS does not bring the monitor what is sent"
        ]
        own_nats.start()
        client = await nats.connect(own_nats.url)
        await until_listening(daemon, Cluster(client))
        await client.close()


async def test_a_restart_of_nats_makes_nobody_suspect_and_loses_no_alert(settings, own_nats, cluster):
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        own_nats.kill()
        await daemon.until("/v1/health", lambda body: not body["nats_connected"])
        body = await daemon.until("/v1/nodes", lambda body: body["nodes"][0]["state"] != "healthy")
        assert body["nodes"][0]["state"] == "unknown"
        own_nats.start()
        await daemon.until("/v1/health", lambda body: body["nats_connected"])
        async with asyncio.timeout(20):
            while cluster.said() != [("eu-1", "raised", "warning")]:
                await cluster.beat(used_percent=85)
                await asyncio.sleep(0.05)
        assert (await heard(daemon))["nodes"][0]["state"] == "healthy"


async def test_no_alert_waits_for_ever_when_nats_dies_and_comes_back(settings, own_nats, cluster):
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        own_nats.kill()
        await daemon.until("/v1/health", lambda body: not body["nats_connected"])
        own_nats.start()
        await daemon.until("/v1/health", lambda body: body["nats_connected"])
        await cluster.beat(used_percent=95)
        await daemon.until("/v1/alerts", level_is("critical"))
        await daemon.until("/v1/channels", lambda body: not body["channels"][0]["waiting"])
        await until(lambda: ("eu-1", "raised", "critical") in cluster.said())


async def test_after_its_restart_nothing_is_told_twice_and_what_ended_is_cleared(settings, cluster):
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        await cluster.beat("us-1", used_percent=93)
        await fill(daemon, cluster, 85, "warning")
        await daemon.until("/v1/alerts", level_is("critical", "us-1"))
        await until(lambda: len(cluster.said()) == 2)
        await daemon.until("/v1/channels", lambda body: not body["channels"][0]["waiting"])
    cluster.alerts.clear()
    async with running(settings) as daemon:
        alerts = (await daemon.read("/v1/alerts"))["alerts"]
        assert {a["name"] for a in alerts if a["rule"] == "capacity"} == {"eu-1", "us-1"}
        await until_listening(daemon, cluster, "us-1")  # at 50 %
        await fill(daemon, cluster, 78, "warning")
        await until(lambda: len(cluster.said()) == 1)
        await fill(daemon, cluster, 78, "warning")
    assert cluster.said() == [("us-1", "cleared", "ok")]


async def test_it_refuses_to_start_without_its_secrets(settings):
    settings.cluster_secret_file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        await run(settings, Stop())


async def test_a_suspect_node_is_logged_once(settings, cluster, caplog):
    caplog.set_level(logging.INFO, "monitor.node_table")
    async with running(settings) as daemon:
        await until_listening(daemon, cluster)
        await daemon.until("/v1/nodes", lambda body: body["nodes"][0]["state"] == "suspect")
        view = (await daemon.read("/v1/nodes"))["nodes"][0]
        assert "no heartbeat for" in view["reason"]
        assert (await daemon.metrics())["atoll_node_up", "eu", "eu-1", "s1"] == 0
    assert len([r for r in caplog.records if "is suspect" in r.message]) == 1


def as_toml(settings):
    names = ("name", "region", "cluster_secret_file", "api_keys_file", "state_dir", "nats_url")
    return "\n".join(
        [f"listen_port = {settings.listen_port}", *(f'{n} = "{getattr(settings, n)}"' for n in names)]
    )


def start_monitor(*arguments):
    argv = [sys.executable, "-m", "monitor", *arguments]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)


def test_check_says_every_mistake_and_exits_with_2(tmp_path):
    (tmp_path / "bad.toml").write_text("nam = 'x'\nwarning_percent = 900\n")
    with start_monitor("--settings", str(tmp_path / "bad.toml"), "--check") as process:
        assert process.wait(20) == 2
        text = process.stderr.read()
    for mistake in ("nam: there is no such setting", "name: is missing", "warning_percent: must be at most"):
        assert mistake in text
    assert "Traceback" not in text


async def test_the_process_ends_in_order_on_a_signal(tmp_path, settings):
    (tmp_path / "good.toml").write_text(as_toml(settings))
    with start_monitor("--settings", str(tmp_path / "good.toml"), "--check") as check:
        assert check.wait(20) == 0
    with start_monitor("--settings", str(tmp_path / "good.toml")) as process:
        await until(lambda: answers(settings.listen_port) or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "monitor ended" in process.stderr.read()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_query_service_reads_all_and_orders_for_a_person_and_nobody_else_gets_in(
    settings, cluster, tmp_path, own_nats
):
    await put_nodes(tmp_path, own_nats)
    async with running(settings) as daemon, open_session() as session:
        await until_listening(daemon, cluster)
        await fill(daemon, cluster, 85, "warning")
        nodes = NodeClient(session, KEYS, "query-eu")
        monitor = Callee(AUDIENCE, daemon.base)
        seen = await nodes.call(monitor, "GET", OVERVIEW, MonitorOverview)
        alert = next(a for a in seen.alerts if (a.rule, a.name) == ("capacity", "eu-1"))
        assert alert.acknowledged_by is None
        assert {("node", "eu-1"), ("region", "us")} <= {(s.scope, s.name) for s in seen.states}
        order = RelayedAcknowledgement(alert.key, "ada", "on my way")
        told = await nodes.call(monitor, "POST", ACKNOWLEDGE, Acknowledged, body=order)
        assert (told.key, told.by) == (alert.key, "ada")
        again = await nodes.call(monitor, "GET", OVERVIEW, MonitorOverview)
        assert "ada" in {a.acknowledged_by for a in again.alerts if a.key == alert.key}
        with pytest.raises(NotFound):
            await nodes.call(
                monitor, "POST", ACKNOWLEDGE, Acknowledged, body=RelayedAcknowledgement("none", "ada")
            )
        assert (await daemon.get(OVERVIEW))[0] == 401  # a person's key, of whatever scope
        stranger = NodeClient(session, Keys(b"x" * 32), "query-eu")
        for caller, callee in ((stranger, monitor), (nodes, Callee("eu-1", daemon.base))):
            with pytest.raises(Unauthorized):
                await caller.call(callee, "GET", OVERVIEW, MonitorOverview)
