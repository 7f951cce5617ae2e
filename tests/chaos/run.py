"""The chaos run and its judgement: every acknowledged byte reads back, every deleted one stays gone.

While things break, only wrong bytes are judged. Then everything is started again, the cluster has a bounded
time to become equal by itself, and every acknowledged thing is looked up on every node.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
from probe.story import NODES, Story, eventually

from atoll.client.async_client import AsyncClient
from atoll.errors import AtollError
from atoll.local.cluster import LocalCluster
from chaos.faults import Faults
from chaos.plan import ENGINES, Plan
from chaos.register import Asset, Register
from chaos.traffic import Traffic

CONVERGED_WITHIN = 60.0
_LOOKS = 3
SETTINGS = {"storage_node": {"reserve_bytes": 0, "faces": "off"}, "replicator": {"repair_seconds": 3.0}}


async def run(plan: Plan, directory: Path, register: Register) -> None:
    """The whole run; what was violated is in the register."""
    async with (
        LocalCluster(directory, environ=dict(os.environ), extra=SETTINGS, known_ports=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        story = Story(cluster, session)
        traffic, faults = Traffic(story, register, plan.seed), Faults(story, register)
        await _play(plan, traffic, faults)
        await _mend(story)
        register.note("calm")
        await _judge(story, traffic, register)


async def _play(plan: Plan, traffic: Traffic, faults: Faults) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    async with asyncio.TaskGroup() as group:
        for breakage in plan.breakages:
            group.create_task(_at(begun + breakage.at, faults.do(breakage)), name=breakage.fault)
        for act in plan.acts:
            await asyncio.sleep(max(0.0, begun + act.at - clock()))
            group.create_task(traffic.do(act), name=f"{act.deed} {act.number}")


async def _at(when: float, deed: object) -> None:
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))
    await deed  # type: ignore[misc]  # a coroutine; named object so that nobody awaits it earlier


async def _mend(story: Story) -> None:
    """Everything is up; what the supervisor started again by itself is left alone."""
    cluster = story.cluster
    for process in [
        *(cluster.engines.process(n) for n in ENGINES),
        *cluster.daemons.values(),
    ]:
        await process.start()
        await process.wait_ready(30.0)


async def _judge(story: Story, traffic: Traffic, register: Register) -> None:
    await eventually(lambda: _equal(story), "the nodes do not become equal", CONVERGED_WITHIN, every=0.5)
    register.note("equal")
    for asset in register.assets:
        for node in NODES:
            await _look(node, asset, traffic, register)


async def _equal(story: Story) -> bool:
    """The set's own proof: every node was asked and every node holds everything."""
    async with AsyncClient([story.query], story.cluster.admin_key, patience=5.0) as client:
        try:
            branches = [await client.operations.verify_branch("s1", branch) for branch in range(256)]
        except AtollError:
            return False
    return all(branch.complete for branch in branches)


async def _look(node: str, asset: Asset, traffic: Traffic, register: Register) -> None:
    for _ in range(_LOOKS):
        status, sha256 = await traffic.fetch(node, asset)
        if status and status < 500:  # no answer is neither there nor gone
            break
    facts = {"node": node, "asset_id": asset.asset_id, "status": status}
    if status == 200 and sha256 != asset.sha256:
        register.violated("a wrong byte was read", **facts)
    elif asset.state == "live" and status != 200:
        register.violated("an acknowledged image is not there", **facts)
    elif asset.state in {"deleted", "erased"} and status not in {404, 410}:
        answered = 0 < status < 500
        register.violated("a deleted image came back" if answered else "a node gives no answer", **facts)
