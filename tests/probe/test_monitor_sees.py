"""A real cluster, parts of it broken on purpose: `atoll doctor` and `atoll status` say what is wrong."""

from __future__ import annotations

import asyncio
import json
import re

import aiohttp
import pytest
from metrics_page import documented, line, scraped

from atoll.client import AsyncClient
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET
from monitor.dashboards import DASHBOARDS
from monitor.prometheus_rules import rules_file
from probe.command import said as atoll
from probe.story import picture

pytestmark = pytest.mark.probe

QUICK = {
    "storage_node": {"faces": "off", "inspectors": 1},  # nodes that start faster
    "monitor": {"evaluate_seconds": 0.2, "engine_seconds": 0.5},
}


async def findings(cluster):
    code, out, err = await atoll(cluster, "doctor", "--json")
    assert out, err
    return code, {(f["rule"], f["name"]): f for f in json.loads(out)["findings"]}


async def until_found(cluster, condition):
    async with asyncio.timeout(60):
        while not condition(found := (await findings(cluster))[1]):  # noqa: ASYNC110 - a command is asked
            await asyncio.sleep(0.2)
    return found


async def until_seen(cluster, scopes):
    """The states in the last of two looks, once all of these scopes have some: a monitor that has just begun
    has not asked every one of them yet."""
    async with asyncio.timeout(60):
        while True:
            _, out, _ = await atoll(cluster, "status", "--watch", "0.2", "--count", "2", "--json")
            looks = [json.loads(line) for line in out.splitlines()]
            assert len(looks) == 2
            states = {(s["scope"], s["name"]): s["state"] for s in looks[-1]["states"]}
            seen = {scope for scope, _ in states}
            assert seen <= scopes
            if seen == scopes:
                return states


async def test_doctor_and_status_tell_a_sound_cluster_from_a_broken_one(tmp_path):
    async with LocalCluster(tmp_path / "c", extra=QUICK, known_ports=False) as cluster:
        await until_found(cluster, lambda found: not found)
        code, out, _ = await atoll(cluster, "doctor")
        assert (code, out) == (0, "nothing is wrong\n")

        wanted = {"cluster", "region", "set", "node", "engine", "service", "monitor", "channel"}
        states = await until_seen(cluster, wanted)
        assert (
            states["engine", "mongodb"] == states["engine", "redis"] == states["engine", "nats"] == "healthy"
        )
        assert states["engine", "ATOLL_EU-CENTRAL/replicator-us-east-1"] == "healthy"
        assert set(states.values()) == {"healthy"}

        await cluster.daemons["us-east-1"].stop()
        await cluster.daemons["us-east-1-replicator"].stop()
        found = await until_found(cluster, lambda f: ("region_silent", "us-east") in f and len(f) >= 3)
        assert found["node_silent", "us-east-1"]["covered"]
        assert any(rule == "service" for rule, _ in found)
        assert found["region_silent", "us-east"]["todo"]
        code, out, _ = await atoll(cluster, "doctor")
        assert code == 1
        assert out.startswith("1. CRITICAL: ")
        assert "→" in out
        code, out, _ = await atoll(cluster, "status")
        assert code == 1
        assert "no node of region us-east is healthy" in out

        code, out, _ = await atoll(cluster, "alerts", "ack", "region_silent/region/us-east", "--why", "power")
        assert code == 0
        assert (await atoll(cluster, "alerts", "silence", "2h", "--name", "eu-*"))[0] == 0
        code, out, _ = await atoll(cluster, "alerts")
        assert "acknowledged by admin" in out
        silences = json.loads((await atoll(cluster, "alerts", "silences", "--json"))[1])["silences"]
        assert [s["name"] for s in silences] == ["eu-*"]
        assert (await atoll(cluster, "alerts", "end", silences[0]["id"]))[0] == 0
        assert "leader: monitor" in (await atoll(cluster, "alerts", "channels"))[1]
        assert "raised" in (await atoll(cluster, "alerts", "history"))[1]
        assert (await atoll(cluster, "alerts", "ack"))[0] == 2

        await cluster.daemons["monitor"].stop()
        code, found = await findings(cluster)
        assert code == 1
        assert [rule for rule, _ in found] == ["no_monitor"]


def drawn():
    """Every figure that a dashboard or a Prometheus rule names."""
    expressions = [expr for panels in DASHBOARDS.values() for panel in panels for expr, _ in panel.lines]
    return {
        name for text in (*expressions, rules_file()) for name in re.findall(r"\b(?:atoll|process)_\w+", text)
    }


async def scrapes(cluster, session):
    """What every daemon says at /metrics, by kind: its name and what it said."""
    found = {}
    for plan in cluster.plans:
        async with session.get(f"{cluster.url(plan.name)}/metrics") as response:
            assert response.status == 200
            found.setdefault(plan.kind, []).append((plan.name, await response.text()))
    return found


def exported(texts):
    """Every figure, with the names Prometheus makes of it."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", "\n".join(texts), re.MULTILINE):
        ends = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        names |= {name + end for end in ends}
    return names


def mistakes(kind, name, text, page):
    """What the page says otherwise than this daemon, or leaves out."""
    for metric, row in scraped(text).items():
        known = page.get(metric)
        if known is None:
            yield f"{kind}: docs/metrics.md lacks  {line(metric, row)}"
        elif (known.kind, known.means) != (row.kind, row.means) or row.labels not in {None, known.labels}:
            yield f"{name}: docs/metrics.md should say  {line(metric, row)}"


async def used(cluster, session):
    """Something of everything was asked for, so that figures have their labels."""
    query = cluster.url(cluster.names("query_service")[0])
    async with AsyncClient(query, cluster.admin_key) as client:
        asset = await client.upload(picture(1), bucket=BUCKET, public_id="used", filename="a.jpg")
        made = await client.url(asset.asset_id, transformation="c_scale,w_20")
        for url in (asset.url, asset.url, made.url, made.url):
            async with session.get(url) as response:
                assert response.status == 200


# With a policy, for without one nothing is said of growth; it starts nothing.
GROWING = """
dry_run = true
[provider]
kind = "exec"
argv = ["/bin/false"]
[region.eu-central]
min = 1
"""


async def test_every_figure_of_every_daemon_is_as_documented_and_nothing_else_is_drawn_or_alarms(tmp_path):
    policy = tmp_path / "scale.toml"
    policy.touch(mode=0o600)
    policy.write_text(GROWING)
    often = {"scale_seconds": 0.5, "forecast_sample_seconds": 0.2, "canary_seconds": 1}
    extra = {**QUICK, "monitor": {**QUICK["monitor"], **often, "scale_policy_file": str(policy)}}
    page = documented()
    async with (
        LocalCluster(tmp_path / "c", extra=extra, known_ports=False, canaries=True) as cluster,
        aiohttp.ClientSession() as session,
    ):
        await used(cluster, session)
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            found = await scrapes(cluster, session)
            texts = [text for said in found.values() for _, text in said]
            wrong = [m for kind, said in found.items() for who, text in said
                     for m in mistakes(kind, who, text, page[kind])]  # fmt: skip
            assert not wrong, "\n".join(sorted(set(wrong)))
            said = {
                kind: {name for _, text in all_of for name in scraped(text)} for kind, all_of in found.items()
            }
            missing = {f"{kind}: {name}" for kind, rows in page.items() for name in rows.keys() - said[kind]}
            missing |= drawn() - exported(texts)
            if not missing:
                break
            assert asyncio.get_running_loop().time() < deadline, f"nobody says {sorted(missing)}"
            await asyncio.sleep(0.5)
