"""What a local cluster consists of: its regions, its daemons and their settings. Pure.

Three regions, one set over all of them, two query services, one monitor. The settings files it plans are
the same ones that an operator writes in production; only the addresses differ.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from atoll.local.engine_home import USER
from atoll.local.ports import LOOPBACK

Kind = Literal["storage_node", "replicator", "query_service", "monitor"]
Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class RegionPlan:
    """A region of the local cluster; the place is real, the distance is not."""

    name: str
    city: str
    lat: float
    lon: float


REGIONS = (
    RegionPlan("eu-central", "Frankfurt", 50.11, 8.68),
    RegionPlan("us-east", "Virginia", 38.95, -77.45),
    RegionPlan("ap-southeast", "Singapore", 1.35, 103.82),
)
SET = "s1"
BUCKET = "images"
LOCAL_RESERVE = "256MiB"

# Tried first; ports.json remembers what was really taken.
_FIRST_PORT: Mapping[Kind, int] = {
    "query_service": 8400,
    "storage_node": 8410,
    "monitor": 8420,
    "replicator": 8430,
}


@dataclass(frozen=True)
class DaemonPlan:
    """One daemon: what it is, where it stands, and settings beyond the common ones."""

    kind: Kind
    name: str
    region: RegionPlan
    wanted_port: int
    own: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterPaths:
    """Where things lie under the cluster's directory."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def admin_key(self) -> Path:
        return self.secrets / "admin.key"

    @property
    def summary(self) -> Path:
        return self.root / "cluster.json"

    @property
    def launches(self) -> Path:
        return self.root / "launches"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    def data(self, node: str) -> Path:
        """A node's data directory."""
        return self.root / "nodes" / node

    def state(self, daemon: str) -> Path:
        """A daemon's state directory."""
        return self.root / "state" / daemon

    def settings(self, daemon: str) -> Path:
        """A daemon's settings file."""
        return self.config / f"{daemon}.toml"

    def log(self, daemon: str) -> Path:
        """A daemon's log."""
        return self.root / "logs" / f"{daemon}.log"


def plan_daemons(extra: Mapping[str, Mapping[str, Value]]) -> list[DaemonPlan]:
    """All daemons of the cluster. `extra` holds settings by kind or by daemon name, which win."""
    plans: list[DaemonPlan] = []
    for number, region in enumerate(REGIONS):
        node = f"{region.name}-1"
        plans.append(_plan("storage_node", node, region, number, extra, set=SET, **_core(number)))
        plans.append(_plan("replicator", f"{node}-replicator", region, number, extra, node=node))
    for number, region in enumerate(REGIONS[:2]):
        plans.append(_plan("query_service", f"query-{region.name}", region, number, extra))
    plans.append(_plan("monitor", "monitor", REGIONS[0], 0, extra))
    return plans


def _core(number: int) -> dict[str, Value]:
    """Nodes in turn on the cores of this machine, where a process may choose."""
    if sys.platform != "linux":
        return {}
    cores = sorted(os.sched_getaffinity(0))
    return {"core": cores[number % len(cores)]}


def _plan(
    kind: Kind,
    name: str,
    region: RegionPlan,
    number: int,
    extra: Mapping[str, Mapping[str, Value]],
    **own: Value,
) -> DaemonPlan:
    own = {**own, **extra.get(kind, {}), **extra.get(name, {})}
    return DaemonPlan(kind, name, region, _FIRST_PORT[kind] + number, own)


def settings_of(plan: DaemonPlan, port: int, nats_url: str, paths: ClusterPaths) -> dict[str, Value]:
    """The settings of a daemon, as its file has them."""
    root = paths.root.resolve()
    here = ClusterPaths(root)
    common: dict[str, Value] = {
        "name": plan.name,
        "region": plan.region.name,
        "listen_host": LOOPBACK,
        "listen_port": port,
        "cluster_secret_file": str(here.secrets / "cluster-secret"),
        "state_dir": str(here.state(plan.name)),
        "nats_url": nats_url,
        "drain_seconds": 5.0,
    }
    if "@" not in nats_url:
        password = str(here.secrets / "nats-password")
        login: dict[str, Value] = {"nats_user": USER, "nats_password_file": password}
        common |= login
        if plan.kind == "query_service":  # a node that joins gets it from there
            common |= {f"join_{name}": value for name, value in login.items()}
    return {**common, **_own_settings(plan, port, here), **plan.own}


def _own_settings(plan: DaemonPlan, port: int, here: ClusterPaths) -> dict[str, Value]:
    keys = {"api_keys_file": str(here.config / "api_keys.toml")}
    match plan.kind:
        case "storage_node":
            return {
                "public_url": f"http://{LOOPBACK}:{port}",
                "data_dir": str(here.data(plan.name)),
                "region_lat": plan.region.lat,
                "region_lon": plan.region.lon,
                "reserve_bytes": LOCAL_RESERVE,
            }
        case "query_service":
            return {
                **keys,
                "public_url": f"http://{LOOPBACK}:{port}",
                "mongodb_url_file": str(here.secrets / "mongodb.url"),
                "redis_url_file": str(here.secrets / "redis.url"),
            }
        case "monitor":
            return {**keys}
        case "replicator":
            return {}


def to_toml(settings: Mapping[str, Value]) -> str:
    """Settings as TOML. Strings and lists are written as JSON, whose strings are TOML's basic strings."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
