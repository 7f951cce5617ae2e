"""Where lookups found their assets. Made by `app`, counted by the lookup."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class LookupMetrics:
    """One counter per place; a place that is counted often means the ones before it lack something."""

    def __init__(self, registry: CollectorRegistry) -> None:
        found = Counter(
            "atoll_lookups_total",
            "Assets looked up, by where they were found: memory, redis, catalog, or absent.",
            ["where"],
            registry=registry,
        )
        self.memory = found.labels("memory")
        self.redis = found.labels("redis")
        self.catalog = found.labels("catalog")
        self.absent = found.labels("absent")
        self.awaited = Counter(
            "atoll_lookups_awaited_total",
            "Assets asked for between their upload's answer and their entry in the catalog, that came.",
            registry=registry,
        )
