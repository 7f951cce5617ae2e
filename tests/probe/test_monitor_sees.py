"""A real cluster, parts of it broken on purpose: `atoll doctor` and `atoll status` say what is wrong."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from atoll.local.cluster import LocalCluster

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
        assert {scope for scope, _ in states} == {"cluster", "region", "set", "node", "engine", "service"}
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

        await cluster.daemons["monitor"].stop()
        code, found = await findings(cluster)
        assert code == 1
        assert [rule for rule, _ in found] == ["no_monitor"]
