"""A cluster with small disks that grows by itself, for the stories of test_growth.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS, RegionPlan, Value

CAPACITY, RESERVE = 12 * 2**20, 2**20  # so a disk is full after some dozens of pictures


def write_policy(root: Path, places: Sequence[RegionPlan] = REGIONS, **changes: Any) -> Path:
    """A policy for these regions; `region` and `provider` are merged, the rest put on top."""
    root.mkdir(parents=True, exist_ok=True)
    rule = {"free_percent": 50, "forecast_days": 0, "cpu_percent": 0} | changes.pop("region", {})
    directory = str((root / "launches").resolve())
    provider = {"kind": "local", "directory": directory, "timeout_seconds": 60} | changes.pop("provider", {})
    top = {"join_seconds": 60, "retry_seconds": 0.5} | changes
    lines = [f"{key} = {json.dumps(value)}" for key, value in top.items()]
    lines += ["[provider]", *(f"{key} = {json.dumps(value)}" for key, value in provider.items())]
    for place in places:
        lines += [f"[region.{place.name}]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]
    path = root / "scale.toml"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def growing_cluster(
    root: Path,
    policy: Path,
    environ: Mapping[str, str],
    *,
    node_settings: Mapping[str, Value] | None = None,
    monitor_settings: Mapping[str, Value] | None = None,
) -> LocalCluster:
    """Not started yet; further settings of nodes and monitor are put on top."""
    node: dict[str, Value] = {"capacity_bytes": CAPACITY, "reserve_bytes": RESERVE}
    node |= {"faces": "off", "inspectors": 1}  # nodes that start faster
    node["saturated_milliseconds"] = 10_000.0  # their load is their own work, not the work of other tests
    node |= node_settings or {}
    monitor: dict[str, Value] = {
        "scale_policy_file": str(policy.resolve()),
        "scale_seconds": 0.3,
        "warning_percent": 45.0,
    }
    monitor |= monitor_settings or {}
    return LocalCluster(
        root, environ=dict(environ), extra={"storage_node": node, "monitor": monitor}, known_ports=False
    )


async def ask(cluster: LocalCluster, path: str, body: Any = None) -> Any:
    """The monitor's answer."""
    method = "GET" if body is None else "POST"
    headers = {"Authorization": f"Bearer {cluster.admin_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, cluster.url("monitor") + path, json=body) as response,
    ):
        return await response.json()
