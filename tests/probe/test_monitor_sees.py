"""A real cluster, parts of it broken on purpose: `atoll doctor` and `atoll status` say what is wrong."""

from __future__ import annotations

import asyncio
import json
import re
import sys

import aiohttp
import pytest

from atoll.local.cluster import LocalCluster
from monitor.dashboards import DASHBOARDS
from monitor.prometheus_rules import rules_file

pytestmark = pytest.mark.probe

QUICK = {"monitor": {"evaluate_seconds": 0.2, "engine_seconds": 0.5}}


async def atoll(cluster, *words):
    argv = [sys.executable, "-m", "atoll.cli", *words, "--cluster", str(cluster.paths.root)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def findings(cluster):
    code, out, err = await atoll(cluster, "doctor", "--json")
    assert out, err
    return code, {(f["rule"], f["name"]): f for f in json.loads(out)["findings"]}


async def until_found(cluster, condition):
    async with asyncio.timeout(60):
        while not condition(found := (await findings(cluster))[1]):  # noqa: ASYNC110 - a command is asked
            await asyncio.sleep(0.2)
    return found


async def test_doctor_and_status_tell_a_sound_cluster_from_a_broken_one(tmp_path):
    async with LocalCluster(tmp_path / "c", extra=QUICK, known_ports=False) as cluster:
        await until_found(cluster, lambda found: not found)
        code, out, _ = await atoll(cluster, "doctor")
        assert (code, out) == (0, "nothing is wrong\n")

        code, out, _ = await atoll(cluster, "status", "--watch", "0.2", "--count", "2", "--json")
        looks = [json.loads(line) for line in out.splitlines()]
        assert len(looks) == 2
        states = {(s["scope"], s["name"]): s["state"] for s in looks[-1]["states"]}
        wanted = {"cluster", "region", "set", "node", "engine", "service", "monitor", "channel"}
        assert {scope for scope, _ in states} == wanted
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


async def exported(cluster, session):
    """Every figure that a daemon says, with the names Prometheus makes of it."""
    names = set()
    for daemon in cluster.daemons:
        async with session.get(f"{cluster.url(daemon)}/metrics") as response:
            text = await response.text()
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
            ends = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
            names |= {name + end for end in ends}
    return names


# What has no figure in a new and sound cluster without canaries.
LATER = {f"atoll_{scope}_days_to_full" for scope in ("node", "set", "region")} | {
    "atoll_canary_ok",
    "atoll_canary_missed_rounds",
}


# With a policy, for without one nothing is said of growth; it starts nothing.
GROWING = """
dry_run = true
[provider]
kind = "exec"
argv = ["/bin/false"]
[region.eu-central]
min = 1
"""


async def test_every_figure_that_is_drawn_or_alarms_is_one_that_a_daemon_says(tmp_path):
    policy = tmp_path / "scale.toml"
    policy.touch(mode=0o600)
    policy.write_text(GROWING)
    extra = {"monitor": {**QUICK["monitor"], "scale_policy_file": str(policy), "scale_seconds": 0.5}}
    async with (
        LocalCluster(tmp_path / "c", extra=extra, known_ports=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        deadline = asyncio.get_running_loop().time() + 60
        while missing := drawn() - await exported(cluster, session) - LATER:
            assert asyncio.get_running_loop().time() < deadline, f"nobody says {sorted(missing)}"
            await asyncio.sleep(0.5)
