"""Which node an image is fetched from: by health, confirmed location, distance and load."""

from __future__ import annotations

import random
from urllib.parse import parse_qs, urlsplit

import pytest
from query_cluster import EU, KEYS, NODES, PARIS, SHA, US, asset, beat, cluster, health_of

from atoll.cluster import ClusterMap
from atoll.delivery_keys import ring_of
from atoll.errors import NotFound, Unavailable
from atoll.health import HealthTable
from atoll.model import Node
from atoll.names import Handle
from atoll.transformation.signature import check
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import VIEW_SECONDS, Views
from query_service.resolver import Resolver
from query_service.url_signer import Client, UrlSigner
from query_service.wishes import Wishes

EU_1, US_1, ASIA_1 = NODES
HANDLE = Handle("main", SHA, "jpg")
PATH = f"/photos/main/{SHA}.jpg"
IN_PARIS = Client(PARIS, 600)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def resolver(health: HealthTable, world: ClusterMap | None = None, seed: int = 1) -> Resolver:
    known = world or cluster()
    views = Views(ClusterKnown(lambda: known, health, Clock()))
    return Resolver(
        views, UrlSigner(lambda: ring_of(KEYS, {}), lambda: 1_000_000.0), Wishes(), random.Random(seed)
    )


def test_the_nearest_healthy_holder_comes_first_and_the_others_by_distance() -> None:
    answer = resolver(health_of(*NODES)).asset(asset(*NODES), IN_PARIS)
    assert (answer.node, answer.region, answer.url) == ("eu-1", "eu", EU_1.url + PATH)
    assert answer.distance_km == pytest.approx(480, abs=20)
    assert [offer.node for offer in answer.alternatives] == ["us-1", "asia-1"]
    assert answer.alternatives[0].url == US_1.url + PATH
    assert answer.expires_at is None
    assert answer.sha256 == SHA
    assert not answer.unconfirmed


def test_a_healthy_node_without_a_confirmed_location_is_not_offered_while_another_has_it() -> None:
    answer = resolver(health_of(*NODES)).asset(asset(US_1), IN_PARIS)
    assert answer.node == "us-1"
    assert answer.alternatives == []


def test_a_suspect_holder_is_not_offered_while_another_is_healthy() -> None:
    answer = resolver(health_of(US_1, ASIA_1)).asset(asset(*NODES), IN_PARIS)
    assert [answer.node, *(o.node for o in answer.alternatives)] == ["us-1", "asia-1"]


def test_when_no_holder_is_healthy_the_others_pull_it_through_and_the_holders_come_last_marked() -> None:
    answer = resolver(health_of(US_1, ASIA_1)).asset(asset(EU_1), IN_PARIS)
    assert (answer.node, answer.unconfirmed, answer.suspect) == ("us-1", True, False)
    marks = [(offer.node, offer.unconfirmed, offer.suspect) for offer in answer.alternatives]
    assert marks == [("asia-1", True, False), ("eu-1", False, True)]


def test_when_all_are_silent_the_holders_are_offered_marked_suspect() -> None:
    answer = resolver(HealthTable()).asset(asset(EU_1, ASIA_1), IN_PARIS)
    assert (answer.node, answer.suspect) == ("eu-1", True)
    assert [(o.node, o.suspect) for o in answer.alternatives] == [("asia-1", True)]


def test_a_location_on_a_node_that_left_the_set_is_not_offered() -> None:
    gone = Node("old-1", "eu", "main", "http://old-1", "removed")
    stranger = Node("else-1", "eu", "other", "http://else-1")
    answer = resolver(health_of(*NODES, gone, stranger), cluster(gone, stranger)).asset(
        asset(gone, stranger, US_1), IN_PARIS
    )
    assert [answer.node, *(o.node for o in answer.alternatives)] == ["us-1"]


def test_a_node_that_stops_is_not_offered() -> None:
    health = health_of(*NODES)
    health.heard(beat(EU_1, state="stopping"), 100.0)
    assert resolver(health).asset(asset(*NODES), IN_PARIS).node == "us-1"


def test_a_handle_is_offered_by_every_healthy_member() -> None:
    answer = resolver(health_of(EU_1, ASIA_1)).handle("photos", HANDLE, Client(US, 600))
    assert [answer.node, *(o.node for o in answer.alternatives)] == ["eu-1", "asia-1"]
    assert not answer.unconfirmed


def test_a_handle_of_an_unknown_set_or_bucket_is_not_found() -> None:
    with pytest.raises(NotFound):
        resolver(health_of(*NODES)).handle("photos", Handle("none", SHA, "jpg"), IN_PARIS)
    with pytest.raises(NotFound):
        resolver(health_of(*NODES)).handle("nobucket", HANDLE, IN_PARIS)


def test_within_a_distance_band_the_less_loaded_of_two_comes_first() -> None:
    twin = Node("eu-2", "eu", "main", "http://eu-2:8080")
    health = health_of(*NODES)
    health.heard(beat(EU_1, load=0.9), 100.0)
    health.heard(beat(twin, load=0.2), 100.0)
    answers = [
        resolver(health, cluster(twin), seed).asset(asset(*NODES, twin), IN_PARIS).node for seed in range(20)
    ]
    assert set(answers) == {"eu-2"}


def test_equal_nodes_share_the_first_place() -> None:
    twin = Node("eu-2", "eu", "main", "http://eu-2:8080")
    one = resolver(health_of(*NODES, twin), cluster(twin))
    firsts = {one.asset(asset(*NODES, twin), IN_PARIS).node for _ in range(100)}
    assert firsts == {"eu-1", "eu-2"}


def test_a_private_buckets_urls_are_signed_for_as_long_as_asked() -> None:
    answer = resolver(health_of(*NODES)).asset(asset(*NODES, bucket="secret"), IN_PARIS)
    for url in (answer.url, answer.alternatives[0].url):
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        check(
            parts.path,
            *(query[name][0] for name in ("exp", "key", "sig")),
            ring_of(KEYS, {}).accepted,
            1_000_599.0,
        )
        assert query["exp"] == ["1000600"]
    assert answer.expires_at == "1970-01-12T13:56:40.000Z"


def test_a_set_without_members_cannot_serve() -> None:
    world = ClusterMap.of([*cluster().regions.values(), *cluster().buckets.values()])
    with pytest.raises(Unavailable) as caught:
        resolver(health_of(*NODES), world).asset(asset(*NODES), IN_PARIS)
    assert caught.value.facts["retry_after"] == 1


def test_a_dead_node_is_seen_after_the_views_time_and_at_once_when_dropped() -> None:
    clock, health = Clock(), health_of(*NODES)
    views = Views(ClusterKnown(cluster, health, clock))
    one = Resolver(views, UrlSigner(lambda: ring_of(KEYS, {})), Wishes(), random.Random(1))
    assert one.asset(asset(*NODES), IN_PARIS).node == "eu-1"
    clock.now += 2.0
    for node in (US_1, ASIA_1):
        health.heard(beat(node), clock.now)
    health.probed("eu-1", False, clock.now)
    assert one.asset(asset(*NODES), IN_PARIS).node == "us-1"
    health.heard(beat(EU_1), clock.now)
    clock.now += VIEW_SECONDS / 2
    assert one.asset(asset(*NODES), IN_PARIS).node == "us-1"
    views.drop()
    assert one.asset(asset(*NODES), IN_PARIS).node == "eu-1"


def test_plans_for_endless_positions_are_not_kept_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_service.cluster_view.MAX_PLANS", 3)
    view = Views(ClusterKnown(cluster, health_of(*NODES), Clock())).current()
    for n in range(10):
        view.plan(EU.__class__(n, n), "main", None)
    assert len(view._plans) == 3
