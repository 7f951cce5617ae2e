"""Stories: disks fill up, and the cluster grows by itself, once, while nothing is refused or lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atoll.client import AsyncClient
from atoll.client.joining import use_token
from atoll.errors import Conflict
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
SIDE = 400  # pixels of noise: some 150 kB a picture


def _client(cluster: LocalCluster, number: int) -> AsyncClient:
    urls = [cluster.url(name) for name in cluster.names("query_service")]
    return AsyncClient(urls, cluster.admin_key, region=REGIONS[number % len(REGIONS)].name)


def _set(asset: AssetView) -> str:
    return asset.handle.partition("/")[0]


async def _fill(cluster: LocalCluster, until_set: str, most: int = 150) -> Sent:
    """Upload from all regions until six pictures lie in `until_set`; whatever is refused raises."""
    sent: Sent = {}
    for number in range(most):
        body = picture(number, SIDE)
        async with _client(cluster, number) as client:
            asset = await client.upload(body, bucket=BUCKET, public_id=f"fill/{number}", filename="a.jpg")
        sent[asset.asset_id] = (asset, body)
        if sum(_set(one) == until_set for one, _ in sent.values()) >= 6:
            return sent
    raise AssertionError(f"{most} uploads, and too few of them went to {until_set}")


async def _all_there(cluster: LocalCluster, sent: Sent) -> None:
    """Every picture, from another region than it was sent from."""
    async with _client(cluster, 1) as client:
        for asset_id, (asset, body) in sent.items():

            async def same(one: str = asset_id, wanted: bytes = body) -> bool:
                return await client.get(one) == wanted

            await eventually(same, f"{asset.public_id} is not what was sent")


async def test_disks_fill_up_and_the_next_uploads_go_to_a_set_that_was_started_meanwhile(
    tmp_path: Path,
) -> None:
    policy = write_policy(tmp_path)
    async with growing_cluster(tmp_path, policy, os.environ) as cluster:
        daemons = {name: process.status.pid for name, process in cluster.daemons.items()}
        sent = await _fill(cluster, "s2")
        await _all_there(cluster, sent)

        history = (await ask(cluster, "/v1/alerts/history"))["alerts"]
        assert {"capacity", "set_capacity"} & {alert["rule"] for alert in history}, "no warning came"

        async def joined() -> bool:
            found = (await ask(cluster, "/v1/scale"))["instances"]
            return len(found) == 3 and all(one["state"] == "joined" for one in found)

        await eventually(joined, "the new nodes were not seen to join")
        scale = await ask(cluster, "/v1/scale")
        assert {one["region"] for one in scale["instances"]} == {place.name for place in REGIONS}
        assert {one["set"] for one in scale["instances"]} == {"s2"}
        assert [one["tries"] for one in scale["instances"]] == [1, 1, 1]
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
    policy = write_policy(tmp_path, provider=provider, join_seconds=600, region={"min": 2, "max": 2})
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
