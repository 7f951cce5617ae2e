"""What `atoll demo-growth` shows while it goes on: disks, decisions, launches, uploads by set."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from atoll.client.monitor_calls import MonitorCalls
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS, SET
from atoll.local.forecast_check import ForecastCheck
from atoll.local.tables import plain_table
from atoll.node_api import AssetView

BAR = 24


class GrowthScene:
    """The last look, as a picture."""

    def __init__(self) -> None:
        self._sets: Counter[str] = Counter()
        self._nodes: list[dict[str, Any]] = []
        self._scale: dict[str, Any] = {"verdicts": [], "instances": []}
        self._alerts: list[dict[str, Any]] = []
        self.check = ForecastCheck()

    @property
    def in_later_sets(self) -> int:
        """Uploads that did not go to the first set."""
        return sum(count for name, count in self._sets.items() if name != SET)

    def uploaded(self, asset: AssetView) -> None:
        """One more."""
        self._sets[asset.handle.partition("/")[0]] += 1

    def seen(self, nodes: list[dict[str, Any]], scale: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
        """What the monitor just said."""
        self._nodes, self._scale, self._alerts = nodes, scale, alerts

    def table(self) -> RenderableType:
        """Everything, for one frame."""
        uploads = ", ".join(f"{count} to {name}" for name, count in sorted(self._sets.items())) or "none yet"
        warned = [f"! {alert['detail']}" for alert in self._alerts[:3]]
        why = [f"{v['region']}: {'; '.join(v['why'])}" for v in self._scale["verdicts"]]
        launches = [f"→ {i['name']} in set {i['set']}: {i['state']}" for i in self._scale["instances"]]
        forecast = [f"Forecast: set {SET} {self.check.now}"] if self.check.now else []
        lines = [f"Uploads: {uploads}", *forecast, *warned, *why, *launches]
        return Group(self._disks(), *lines)

    def _disks(self) -> Table:
        table = plain_table("Disks", "node", "set", "used", "", right=frozenset({"used"}))
        for node in self._nodes:
            used = (node["used_percent"] or 0.0) / 100
            known = node["node"]
            table.add_row(known["name"], known["set"], f"{used:.0%}", "█" * round(used * BAR))
        return table


async def look(cluster: LocalCluster, scene: GrowthScene) -> None:
    """Ask the monitor how it stands."""
    calls = MonitorCalls(cluster.url("monitor"), cluster.admin_key)
    nodes = (await calls.ask("GET", "/v1/nodes", dict[str, Any]))["nodes"]
    scale = await calls.ask("GET", "/v1/scale", dict[str, Any])
    alerts = (await calls.ask("GET", "/v1/alerts", dict[str, Any]))["alerts"]
    found = {(view.scope, view.name): view for view in await calls.forecasts()}
    scene.seen(nodes, scale, alerts)
    view, ordered, shared = found.get(("set", SET)), bool(scale["instances"]), scene.in_later_sets > 0
    scene.check.seen(time.monotonic(), view, ordered=ordered, shared=shared)


def write_policy(data: Path) -> Path:
    """A policy for the three regions: a new set when half of the room is used, started on this machine."""
    data.mkdir(parents=True, exist_ok=True)
    directory = json.dumps(str((data / "launches").resolve()))
    rule = "free_percent = 50\nforecast_days = 0\ncpu_percent = 0\nmax = 3\n"
    text = f'[provider]\nkind = "local"\ndirectory = {directory}\ntimeout_seconds = 60\n'
    text += "".join(f"[region.{place.name}]\n{rule}" for place in REGIONS)
    path = data / "scale.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path
