"""Facts for a report, as a cluster of any shape could give them."""

from __future__ import annotations

import math

from atoll.cli.report_facts import Curve, Facts, Figure
from atoll.client.bucket_calls import BucketUsage
from atoll.client.canary_calls import Flight, Flights, RegionPath
from atoll.client.monitor_calls import Finding, ForecastView
from atoll.client.views import MemberView, NodeView, RegionView, SetView

NOW = 1_800_000_000.0
DAY = 86_400.0
GIB = 2**30
PLACES = {
    "eu-central": (50.11, 8.68), "eu-north": (59.33, 18.07), "us-east": (38.95, -77.45),
    "us-west": (45.6, -121.2), "ap-southeast": (1.35, 103.82), "ap-northeast": (35.68, 139.69),
    "sa-east": (-23.55, -46.63), "oc-east": (-36.85, 174.76),
}  # fmt: skip


def node(name, region, used=0.5, **more):
    known = {"health": "healthy", "load": 0.21, "bytes_total": 100 * GIB, "blobs": 41_000}
    return NodeView(
        name, region, **{"set": "s1", **known, "bytes_free": round(100 * GIB * (1 - used)), **more}
    )


def curve(name, region, used=0.5, days=20, per_day=1.5 * GIB):
    now = used * 100 * GIB
    ago = [days * part / 80 for part in range(80, 0, -1)]
    points = [(NOW - d * DAY, max(0, now - d * per_day + GIB * math.sin(d * 0.9))) for d in ago]
    return Curve(name, region, "s1", 100 * GIB, round(100 * GIB - now), 5 * GIB, tuple(points))


def forecast(name, days=18.0, early=15.2, late=22.4, **more):
    known = {"scope": "node", "unit": "bytes", "free": 45 * GIB, "per_day": 1.5 * GIB, "known_days": 20.0}
    return ForecastView(name=name, days=days, early=early, late=late, **{**known, **more})


def path(origin, target, **more):
    known = {"ok": True, "outcome": "ok", "at": "2027-01-15T07:59:30Z", "lag_ms": 84.0, "read_ms": 31.0,
             "availability": 1.0, "day": 1.0, "week": 1.0}  # fmt: skip
    return RegionPath(origin, target, **{**known, **more})


def flights(origin, target, base):
    last = [Flight("ok", round((NOW - 60 * n) * 1000), base + 0.02 * math.sin(n * 1.7), 0.03)
            for n in range(60, 0, -1)]  # fmt: skip
    return Flights(origin, target, tuple(last))


def rich_facts():
    """Eight regions; one node is down, one path loses canaries, one is not flown."""
    regions = [RegionView(name, lat, lon) for name, (lat, lon) in PLACES.items()]
    nodes = [node(f"{name}-{n}", name, 0.3 + 0.08 * i) for i, name in enumerate(PLACES) for n in (1, 2)]
    nodes[6] = node("us-west-1", "us-west", health="suspect", load=None)
    flown = list(PLACES)[:5]
    paths = [path(a, b, lag_ms=20.0 + 17 * len(a), read_ms=8.0 + len(b)) for a in flown for b in flown]
    paths[3] = path(flown[0], flown[3], ok=False, outcome="lost", day=0.93, week=0.991, why="no copy came")
    paths[9] = path(flown[1], flown[4], old=True)
    return Facts(
        NOW,
        tuple(nodes),
        (SetView("s1", members=tuple(MemberView(f"n{i}", name) for i, name in enumerate(PLACES))),),
        tuple(regions),
        {"images": BucketUsage(420 * GIB, 1_800_000, 1_700_000)},
        findings=(
            Finding("critical", "node", "us-west-1", "node us-west-1 is not healthy: silent", "Look at it.",
                    "node_silent", round((NOW - 400) * 1000)),
            Finding("warning", "node", "eu-central-1", "eu-central-1 will be full in 9 days", "Add nodes.",
                    "days_to_full", round((NOW - 7200) * 1000)),
        ),
        forecasts=(forecast("eu-central-1"), forecast("us-east-1", 70.0, 55.0, None),
                   forecast("eu-north-1", None, None, None, per_day=-GIB),
                   forecast("s1", scope="set")),
        curves=(curve("eu-central-1", "eu-central", 0.68), curve("us-east-1", "us-east", 0.3, 20, 0.9 * GIB),
                curve("eu-north-1", "eu-north", 0.5, 20, -GIB), curve("us-west-1", "us-west", 0.2, 0.1)),
        paths=tuple(paths),
        flights=tuple(flights(a, b, 0.05 + 0.04 * flown.index(b)) for a in flown for b in flown),
        figures=(Figure("atoll_consumer_lag_seconds", "engine", "ATOLL_EU/indexer", 0.4),
                 Figure("atoll_node_repair_lag_seconds", "node", "eu-north-1", 12.0),
                 Figure("atoll_node_up", "node", "eu-north-1", 1.0)),
    )  # fmt: skip
