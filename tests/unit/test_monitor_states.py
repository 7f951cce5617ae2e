"""From heartbeats, the map and /health answers to the state of everything."""

from __future__ import annotations

import pytest
from hand_clock import HandClock
from heartbeat_maker import a_beat
from yarl import URL

from atoll.cluster import ClusterMap
from atoll.model import Node, Region, ReplicaSet
from monitor.cluster_survey import cluster_survey, unheard
from monitor.condition_book import ConditionBook
from monitor.health import Health
from monitor.limits import Damping
from monitor.node_table import NodeTable
from monitor.rules import RULES
from monitor.service_watch import PeerAnswer, ServiceAnswer, ServiceWatch

MAP = ClusterMap.of(
    [
        Region("eu", 50, 8), Region("us", 40, -75), ReplicaSet("s1"),
        Node("eu-1", "eu", "s1", "http://eu-1"), Node("us-1", "us", "s1", "http://us-1"),
    ]
)  # fmt: skip


class Stage:
    """Heartbeats in, states out; time by hand."""

    def __init__(self, cluster=MAP):
        self.clock, self.cluster = HandClock(), cluster
        self.table = NodeTable(self.clock)
        self.table.listen_anew()
        rows = lambda: self.table.rows(self.cluster)  # noqa: E731 - two lines of a test
        book = ConditionBook(RULES, Damping(), self.clock, lambda: "id")
        self.health = Health(
            (lambda: cluster_survey(rows(), self.cluster),),
            lambda: unheard(rows()),
            book,
            self.clock,
            self.told,
        )

    async def told(self, standing):
        """Nobody."""

    async def pass_time(self, seconds, *beating, **changes):
        for _ in range(seconds):
            for node in beating:
                self.table.heard(a_beat(node, region=node[:2], at=self.clock.now_ms(), **changes))
            await self.health.look()
            self.clock.advance(1)

    def states(self):
        return {(v.scope, v.name): v.state for v in self.health.view()}

    def rules(self):
        return [(c.rule, c.name) for c in self.health.book.standing]


async def test_a_healthy_cluster_has_healthy_subjects_only():
    stage = Stage()
    await stage.pass_time(20, "eu-1", "us-1", quarantined=0, wanted=0)
    assert set(stage.states().values()) == {"healthy"}
    assert stage.rules() == []


async def test_before_anything_was_heard_nodes_are_unknown_and_nothing_alarms():
    stage = Stage()
    await stage.pass_time(2)
    assert stage.states()["node", "eu-1"] == "unknown"
    assert stage.rules() == []


async def test_a_dead_node_makes_its_region_critical_and_its_set_a_warning():
    stage = Stage()
    await stage.pass_time(5, "eu-1", "us-1", quarantined=0)
    await stage.pass_time(20, "us-1", quarantined=0)
    states = stage.states()
    assert (states["region", "eu"], states["set", "s1"], states["region", "us"]) == (
        "critical", "warning", "healthy",
    )  # fmt: skip
    view = next(v for v in stage.health.view() if v.name == "eu-1")
    assert "no heartbeat for" in view.reasons[0]
    assert 5 < view.seconds < 20


async def test_a_deaf_monitor_accuses_nobody():
    stage = Stage()
    await stage.pass_time(5, "eu-1", "us-1", quarantined=0)
    stage.table.deaf()
    await stage.pass_time(60)
    assert stage.states()["node", "eu-1"] == "unknown"
    assert stage.rules() == []


@pytest.mark.parametrize(
    ("changes", "rule", "scope"),
    [
        ({"used_percent": 81}, "capacity", "node"),
        ({"used_percent": 81}, "set_capacity", "set"),
        ({"used_percent": 81}, "region_capacity", "region"),
        ({"read_only": True}, "read_only", "node"),
        ({"read_only": True}, "no_writable_set", "cluster"),
        ({"inodes_free": 500}, "inodes", "node"),
        ({"outbox_age_ms": 90_000}, "outbox_age", "node"),
        ({"quarantined": 1}, "quarantine", "node"),
        ({"wanted": 5}, "wanted", "node"),
        ({"load": 1.2}, "saturated", "node"),
    ],
)
async def test_what_a_node_says_of_itself_becomes_a_finding(changes, rule, scope):
    stage = Stage()
    await stage.pass_time(320, "eu-1", "us-1", **({"quarantined": 0, "wanted": 0} | changes))
    assert {(c.rule, c.scope) for c in stage.health.book.standing} >= {(rule, scope)}


async def test_a_wrong_clock_is_seen():
    stage = Stage()
    for _ in range(15):
        stage.table.heard(a_beat("eu-1", at=stage.clock.now_ms() - 5000, quarantined=0, wanted=0))
        stage.table.heard(a_beat("us-1", region="us", at=stage.clock.now_ms(), quarantined=0, wanted=0))
        await stage.health.look()
        stage.clock.advance(1)
    assert stage.rules() == [("clock", "eu-1")]
    assert "5.0 s" in stage.health.book.standing[0].detail


async def test_a_removed_node_takes_its_findings_with_it():
    stage = Stage()
    await stage.pass_time(20, "us-1", quarantined=0, wanted=0)
    assert ("node_silent", "eu-1") in stage.rules()
    nodes = {"us-1": MAP.nodes["us-1"]}
    stage.cluster = ClusterMap({"us": MAP.regions["us"]}, nodes, MAP.sets)
    await stage.pass_time(2, "us-1", quarantined=0, wanted=0)
    assert "eu-1" not in [name for _, name in stage.rules()]


def told(*answers):
    watch = ServiceWatch([f"http://h{i}:1" for i in range(len(answers))], lambda: 1_000_000)
    for number, answer in enumerate(answers):
        watch._answers[URL(f"http://h{number}:1/health")] = answer
    return {(s.metric, s.subject.name): (s.value, s.note) for s in watch.survey().samples}


def test_an_engine_that_one_of_two_query_services_misses_is_half_up():
    found = told(
        ServiceAnswer("q1", engines={"mongodb": True, "redis": False}),
        ServiceAnswer("q2", engines={"mongodb": False}),
    )
    assert found["atoll_engine_up_ratio", "mongodb"] == (0.5, "not seen by q2")
    assert found["atoll_engine_up_ratio", "redis"] == (0.0, "not seen by q1")


def test_a_replicators_worst_peer_is_its_nodes_repair_lag():
    peers = (PeerAnswer("us-1", 990_000), PeerAnswer("ap-1", 400_000, "refused"), PeerAnswer("new-1"))
    found = told(ServiceAnswer("r", node="eu-1", repair=peers, parked=2))
    assert found["atoll_node_repair_lag_seconds", "eu-1"] == (600.0, "peer ap-1: refused")
    assert found["atoll_service_parked_messages", "h0:1"][0] == 2


def test_a_service_that_does_not_answer_is_down_and_says_why():
    assert told("Connection refused")["atoll_service_up", "h0:1"] == (0.0, "Connection refused")


async def test_what_is_well_again_says_so_until_it_is_over():
    stage = Stage()
    await stage.pass_time(2, "eu-1", "us-1")
    await stage.pass_time(10, "us-1")
    (silent,) = [c for c in stage.health.book.standing if c.rule == "node_silent"]
    assert not silent.settling
    await stage.pass_time(2, "eu-1", "us-1")
    (silent,) = [c for c in stage.health.book.standing if c.rule == "node_silent"]
    assert silent.settling
    assert "no heartbeat for" in silent.detail
    await stage.pass_time(12, "eu-1", "us-1")
    assert ("node_silent", "eu-1") not in stage.rules()


async def test_a_service_that_hangs_is_said_to_give_no_answer():
    class Hangs:
        def get(self, url, **options):
            raise TimeoutError

    watch = ServiceWatch(["http://h:1"], lambda: 0)
    await watch._ask(Hangs(), URL("http://h:1/health"))
    (up,) = [s for s in watch.survey().samples if s.metric == "atoll_service_up"]
    assert (up.value, up.note) == (0.0, "no answer within 3 s")
