"""Conditions for tests: a whole one, changed where the test cares."""

from __future__ import annotations

from monitor.condition_book import Condition


def a_condition(name: str = "eu-1", **changes: object) -> Condition:
    """A warning about eu-1's disk, changed where the test cares."""
    rule, scope = changes.get("rule", "capacity"), changes.get("scope", "node")
    facts: dict[str, object] = {
        "key": f"{rule}/{scope}/{name}", "id": f"id-{name}", "rule": rule, "scope": scope, "name": name,
        "region": name[:2], "set": "s1", "level": "warning", "value": 0.81, "threshold": 0.8, "since": 1000,
        "changed": 1000, "flapping": False, "detail": f"node {name} is 81 % full", "todo": "Act.",
    }  # fmt: skip
    return Condition(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test
