"""Stories: disks fill up, and the cluster grows by itself, once, while nothing is refused or lost."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from atoll.cancelling import cancel_and_wait
from atoll.client import AsyncClient
from atoll.client.joining import use_token
from atoll.errors import Conflict, NotFound
from atoll.ids import new_id
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, Value
from atoll.node_api import AssetView
from monitor.forecast import DAY
from monitor.growth_watch import REACH
from probe.growing import CAPACITY, RESERVE, ask, growing_cluster, write_policy
from probe.steady_fill import SteadyFill, room, set_forecast
from probe.story import eventually, picture

pytestmark = [pytest.mark.probe, pytest.mark.asyncio, pytest.mark.timeout(280)]

Sent = dict[str, tuple[AssetView, bytes]]
NEARLY_FULL = (CAPACITY - RESERVE) * 3 // 4  # bytes of a disk
SIDE = 400  # pixels of noise: some 150 kB a picture


def _client(cluster: LocalCluster, number: int) -> AsyncClient:
    urls = [cluster.url(name) for name in cluster.names("query_service")]
    return AsyncClient(urls, cluster.admin_key, region=REGIONS[number % len(REGIONS)].name)


def _set(asset: AssetView) -> str:
    return asset.handle.partition("/")[0]


async def _fill(cluster: LocalCluster, until_set: str, most: int = 150) -> Sent:
    """Upload from all regions until six pictures lie in `until_set`; whatever is refused raises.

    Nobody goes on before the set is there when the disks are nearly full: a copy would find no room where the
    index is larger, and the region that has the picture could not give a node back.
    """
    sent: Sent = {}
    for number in range(most):
        if sum(len(body) for one, body in sent.values() if _set(one) != until_set) > NEARLY_FULL:
            await eventually(lambda: _joined(cluster), f"the nodes of {until_set} were not seen to join", 60)
        body = picture(number, SIDE)
        async with _client(cluster, number) as client:
            asset = await client.upload(body, bucket=BUCKET, public_id=f"fill/{number}", filename="a.jpg")
        sent[asset.asset_id] = (asset, body)
        if sum(_set(one) == until_set for one, _ in sent.values()) >= 6:
            return sent
    raise AssertionError(f"{most} uploads, and too few of them went to {until_set}")


async def _joined(cluster: LocalCluster) -> bool:
    found = (await ask(cluster, "/v1/scale"))["instances"]
    return len(found) == len(REGIONS) and all(one["state"] == "joined" for one in found)


async def _all_there(cluster: LocalCluster, sent: Sent) -> None:
    """Every picture, from another region than it was sent from."""
    async with _client(cluster, 1) as client:
        for asset_id, (asset, body) in sent.items():

            async def same(one: str = asset_id, wanted: bytes = body) -> bool:
                try:
                    return await client.get(one) == wanted
                except NotFound:  # the catalog learns of another client's upload by event
                    return False

            await eventually(same, f"{asset.public_id} is not what was sent")


async def _one_leaves(cluster: LocalCluster, instances: list[dict[str, Any]]) -> None:
    """A replica of the new set, by order: said first, then drained, removed, and its machine ended."""
    gone, stays = (i["name"] for i in instances if i["region"] != REGIONS[0].name)
    would = await ask(cluster, "/v1/scale/in", {"name": gone, "dry_run": True})
    assert [(d["name"], d["launched"]) for d in would["departures"]] == [(gone, True)]
    assert not (await ask(cluster, "/v1/scale"))["departures"]
    for name, why in (("s1", "whose URLs name it"), ("s2", "whose URLs name it"), ("s7", "no set")):
        assert why in (await ask(cluster, "/v1/scale/in", {"name": name}))["detail"]

    await ask(cluster, "/v1/scale/in", {"name": gone})

    async def ended() -> bool:
        found = (await ask(cluster, "/v1/scale"))["departures"]
        assert [d["name"] for d in found] == [gone]
        return bool(found[0]["state"] == "ended")

    await eventually(ended, f"{gone} did not leave", 60)
    assert gone not in cluster.daemons
    assert "alone" in (await ask(cluster, "/v1/scale/in", {"name": stays}))["detail"]


@asynccontextmanager
async def _busy(cluster: LocalCluster, asset: AssetView) -> AsyncIterator[None]:
    """Readers who ask for a picture without a pause, and one who asks for it in sizes that nobody had."""

    async def read() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(asset.url) as response:
                    assert response.status == 200
                    await response.read()

    async def render() -> None:
        async with _client(cluster, 0) as client, aiohttp.ClientSession() as session:
            for width in itertools.count(50):
                made = await client.url(asset.asset_id, transformation=f"c_scale,w_{width}")
                async with session.get(made.url) as response:
                    assert response.status == 200

    async with asyncio.TaskGroup() as tasks:
        busy = [tasks.create_task(one()) for one in (read, read, read, render)]
        yield
        await cancel_and_wait(busy)


async def _under(policy: Path, cluster: LocalCluster) -> None:
    """The policy is read at the monitor's start."""
    assert policy.exists()
    await cluster.daemons["monitor"].kill()
    await cluster.daemons["monitor"].wait_ready(30)


async def _busy_processors_get_one_more_and_no_more(root: Path, cluster: LocalCluster, sent: Sent) -> str:
    """The same cluster under another policy: for its first region, which may have one node more. Its name."""
    place = REGIONS[0]
    known = [one["name"] for one in (await ask(cluster, "/v1/scale"))["instances"]]
    rule = {"free_percent": 0, "cpu_percent": 5, "cpu_minutes": 0.03, "cooldown_seconds": 0, "max": 3}
    await _under(write_policy(root, [place], region=rule, settle_seconds=1), cluster)
    asset = next(one for one, _ in sent.values() if one.url.startswith(cluster.url(f"{place.name}-1")))

    async def more() -> list[dict[str, Any]]:
        return [i for i in (await ask(cluster, "/v1/scale"))["instances"] if i["name"] not in known]

    async def joined() -> bool:
        return [(i["region"], i["state"]) for i in await more()] == [(place.name, "joined")]

    async def at_the_maximum() -> bool:
        (verdict,) = (await ask(cluster, "/v1/scale"))["verdicts"]
        return "3 nodes, which is its maximum" in verdict["blocked"]

    async with _busy(cluster, asset):
        await eventually(joined, "no node was started for the busy region", 90)
        await eventually(at_the_maximum, "it does not say that the region is at its maximum", 60)
    (started,) = await more()
    assert "has been above 5 % for" in started["why"]
    return str(started["name"])


async def _when_it_is_quiet_it_is_given_back(root: Path, cluster: LocalCluster, name: str) -> None:
    """Under a policy that asks for it; nobody orders anything."""
    place = REGIONS[0]
    rule = {"free_percent": 0, "cpu_percent": 80, "cpu_minutes": 0.03, "cooldown_seconds": 0, "max": 3}
    back = {"cpu_percent": 40.0, "minutes": 0.03, "cooldown_seconds": 0.0}
    policy = write_policy(root, [place], region=rule, settle_seconds=1)
    lines = [f"[region.{place.name}.in]", *(f"{key} = {value}" for key, value in back.items())]
    policy.write_text(policy.read_text() + "\n".join(lines) + "\n")
    await _under(policy, cluster)

    said: dict[str, Any] = {}

    async def ended() -> bool:
        said.update(await ask(cluster, "/v1/scale"))
        found = [d for d in said["departures"] if d["name"] == name]
        return [d["state"] for d in found] == ["ended"]

    await eventually(ended, lambda: f"{name} was not given back: {said}", 60)
    assert name not in cluster.daemons
    (left,) = [d for d in (await ask(cluster, "/v1/scale"))["departures"] if d["name"] == name]
    assert "with a node less" in left["why"]


async def test_disks_fill_up_a_set_that_is_started_takes_the_next_uploads_and_a_replica_leaves_again(
    tmp_path: Path,
) -> None:
    policy = write_policy(tmp_path)
    async with growing_cluster(tmp_path, policy, os.environ) as cluster:
        daemons = {name: process.status.pid for name, process in cluster.daemons.items()}
        sent = await _fill(cluster, "s2")
        await _all_there(cluster, sent)

        history = (await ask(cluster, "/v1/alerts/history"))["alerts"]
        assert {"capacity", "set_capacity"} & {alert["rule"] for alert in history}, "no warning came"

        await eventually(lambda: _joined(cluster), "the new nodes were not seen to join")
        scale = await ask(cluster, "/v1/scale")
        assert {one["region"] for one in scale["instances"]} == {place.name for place in REGIONS}
        assert {one["set"] for one in scale["instances"]} == {"s2"}
        assert [one["tries"] for one in scale["instances"]] == [1, 1, 1]
        await _one_leaves(cluster, scale["instances"])
        await _all_there(cluster, sent)
        extra = await _busy_processors_get_one_more_and_no_more(tmp_path, cluster, sent)
        await _when_it_is_quiet_it_is_given_back(tmp_path, cluster, extra)
        await _all_there(cluster, sent)
        daemons.pop("monitor")  # it was killed for its new policy
        assert daemons == {name: cluster.daemons[name].status.pid for name in daemons}, "one was restarted"


async def test_a_set_filled_by_steady_uploads_is_full_when_the_forecast_said_within_a_fifth(
    tmp_path: Path,
) -> None:
    """Nothing may be added here, so that the disks really become full; the rates are those of a minute."""
    policy = write_policy(tmp_path, region={"max": 1})
    often: dict[str, Value] = {"evaluate_seconds": 0.25, "forecast_sample_seconds": 0.5}
    async with growing_cluster(
        tmp_path, policy, os.environ, node_settings={"heartbeat_seconds": 0.25}, monitor_settings=often
    ) as cluster:
        filling = SteadyFill(cluster)
        asked = await filling.until(lambda left, _: left < 0.4 * (CAPACITY - RESERVE))
        told = await set_forecast(cluster)
        full = await filling.until(lambda left, size: left < size)

        assert told["free"] > 0.3 * (CAPACITY - RESERVE), "it was asked too late to be a forecast"
        assert told["days"] <= REACH * told["known_days"], "too far off to be acted on"
        assert told["days"] * DAY == pytest.approx(full - asked, rel=0.2)
        assert await room(cluster) >= 0, "uploads went into the reserve"
        found = await ask(cluster, "/v1/scale")
        assert not found["instances"], "there was room elsewhere"


async def test_a_monitor_that_is_killed_while_a_node_is_launched_launches_it_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    script = tmp_path / "provider"
    script.write_text(SLOW_PROVIDER.format(calls=calls))
    script.chmod(0o700)
    provider = {"kind": "exec", "argv": [str(script)], "timeout_seconds": 4}
    changes = {"join_seconds": 600, "settle_seconds": 3, "region": {"min": 2, "max": 2}}
    policy = write_policy(tmp_path, provider=provider, **changes)
    async with growing_cluster(tmp_path, policy, os.environ) as cluster:

        async def asked() -> bool:
            return calls.exists() and "launch" in calls.read_text()

        await eventually(asked, "the provider was not asked")
        await cluster.daemons["monitor"].kill()  # a launch takes a second: it is under way
        await cluster.daemons["monitor"].wait_ready(30)

        async def settled() -> bool:
            found = (await ask(cluster, "/v1/scale"))["instances"]
            return bool(found) and all(one["state"] == "launched" for one in found)

        await eventually(settled, "the launch was not taken up again", 60)
        launches = [line for line in calls.read_text().splitlines() if line.startswith("launch")]
        assert len(launches) == len(set(launches)) == 3


async def test_a_node_joins_with_a_token_once_and_no_other_machine_with_the_same_one(tmp_path: Path) -> None:
    policy = write_policy(tmp_path)
    async with growing_cluster(tmp_path, policy, os.environ) as cluster:
        urls = [cluster.url(name) for name in cluster.names("query_service")]
        async with _client(cluster, 0) as client:
            old = await client.operations.invite("new-1", REGIONS[0].name, "s9")
            made = await client.operations.invite("new-1", REGIONS[0].name, "s9")
        with pytest.raises(Conflict):
            await use_token(urls, old.token, tmp_path / new_id())
        first = await use_token(urls, made.token, tmp_path / "first")
        again = await use_token(urls, made.token, tmp_path / "first")
        assert (first.node, first.set) == ("new-1", "s9")
        assert again == first
        with pytest.raises(Conflict):
            await use_token(urls, made.token, tmp_path / "second")


# Remembers each launch, in the order they came, and is slow enough to be killed meanwhile.
SLOW_PROVIDER = """#!/bin/sh
echo "$ATOLL_ACTION $ATOLL_NAME" >> {calls}
case "$ATOLL_ACTION" in
  launch) sleep 1; echo '{{"state": "launching"}}' ;;
  status) if grep -q "launch $ATOLL_NAME" {calls}; then echo '{{"state": "running"}}'
          else echo '{{"state": "absent"}}'; fi ;;
  end) echo '{{"state": "absent"}}' ;;
esac
"""
