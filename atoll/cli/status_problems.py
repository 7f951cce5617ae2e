"""What is not as it should be, each thing once: from query services, nodes, sets, and the monitor. Pure."""

from __future__ import annotations

from yarl import URL

from atoll.client.monitor_calls import StateView
from atoll.client.services import MonitorView, ServiceView
from atoll.client.views import NodeView, SetView


def find_problems(
    services: tuple[ServiceView, ...],
    monitor: MonitorView | None,
    nodes: tuple[NodeView, ...],
    sets: tuple[SetView, ...],
    states: tuple[StateView, ...] = (),
) -> list[str]:
    """What is not as it should be, in sentences; of what the monitor says something, only what it says."""
    told = {(state.scope, state.name) for state in states if state.reasons}
    found = [
        f"query service {s.url} does not answer: {s.error}"
        for s in services
        if s.error and ("service", URL(s.url).authority) not in told
    ]
    for service in services:
        away = [engine for engine, up in service.engines.items() if not up]
        found += [f"{service.name}: {one} is away" for one in away if ("engine", one) not in told]
    for node in (node for node in nodes if ("node", node.name) not in told):
        found += [f"node {node.name} is {node.health}"] if node.health != "healthy" else []
        found += [f"node {node.name} takes no uploads: its disk is full"] if node.read_only else []
    closed = [s for s in sets if not s.writable and not s.sealed]
    found += [f"set {s.name} takes no uploads" for s in closed if ("set", s.name) not in told]
    if monitor is not None:
        found += [f"the monitor does not answer: {monitor.error}"] if monitor.error else []
        found += monitor.problems
    return found
