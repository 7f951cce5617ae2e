"""`atoll status`: what is wrong is said once, though query services and the monitor both see it."""

from __future__ import annotations

from atoll.cli.status_problems import find_problems
from atoll.client.monitor_calls import StateView
from atoll.client.services import MonitorView, ServiceView
from atoll.client.views import NodeView, SetView

ILL = "node eu-1 is not healthy: no heartbeat for 5 s"
AWAY = "redis is away for query services: not seen by q1"
FULL = "set s1 is 93.0% full (its fullest member)"


def node(name, **changes):
    return NodeView(
        **({"name": name, "region": "eu", "set": "s1", "url": "http://n", "health": "healthy"} | changes)
    )


def state(scope, name, *reasons, word="critical"):
    return StateView(scope, name, word, "", 1.0, False, reasons)


def test_what_the_monitor_says_is_not_said_again():
    services = (
        ServiceView("http://q:1", "q1", engines={"redis": False, "mongodb": True}),
        ServiceView("http://q:2", error="refused"),
    )
    closed = SetView("s1", writable=False)
    states = (
        state("node", "eu-1", ILL),
        state("engine", "redis", AWAY),
        state("set", "s1", FULL),
        state("service", "q:2", "q:2 does not answer"),
    )
    told = tuple(reason for one in states for reason in one.reasons)
    nodes = (node("eu-1", health="suspect", read_only=True), node("us-1"))
    found = find_problems(services, MonitorView("critical", told), nodes, (closed,), states)
    assert found == list(told)


def test_what_only_query_services_see_is_said_and_all_of_it_without_a_monitor():
    services = (
        ServiceView("http://q:1", "q1", engines={"redis": False}),
        ServiceView("http://q:2", error="no"),
    )
    nodes = (node("eu-1", health="suspect"), node("us-1", read_only=True))
    expected = [
        "query service http://q:2 does not answer: no",
        "q1: redis is away",
        "node eu-1 is suspect",
        "node us-1 takes no uploads: its disk is full",
    ]
    unknown = (state("node", "eu-1", word="unknown"),)
    assert find_problems(services, None, nodes, ()) == expected
    assert find_problems(services, MonitorView("ok"), nodes, (), unknown) == expected
    assert find_problems((), MonitorView(error="away"), (), ()) == ["the monitor does not answer: away"]
