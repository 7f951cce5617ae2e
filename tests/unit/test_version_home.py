"""In which set a version is made that the cluster makes itself."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from query_cluster import NODES, beat, cluster, health_of

from atoll.bucket import Bucket
from atoll.errors import Unavailable
from atoll.model import Node, ReplicaSet
from query_service.cluster_view import ClusterView
from query_service.version_home import home_of

PHOTOS = Bucket("photos")
OTHERS = tuple(Node(f"{name}-{set_name}", name, set_name, f"http://{name}-{set_name}:1")
               for set_name in ("few", "many") for name in ("eu", "us"))  # fmt: skip
HEALTHY = (*NODES, *OTHERS[1:])


def view(*sets: ReplicaSet, healthy: Iterable[Node] = HEALTHY, full: Iterable[Node] = ()) -> ClusterView:
    table = health_of(*healthy)
    for node in full:
        table.heard(beat(node, read_only=True), 100.0)
    return ClusterView(cluster(*OTHERS, *sets), table, 100.0)


def test_versions_stay_together_while_their_set_takes_anything():
    sets = view(ReplicaSet("few"), ReplicaSet("many"))
    assert [home_of(sets, PHOTOS, name) for name in ("main", "few")] == ["main", "few"]


def test_of_a_sealed_set_they_go_where_most_nodes_take_them():
    sets = view(ReplicaSet("main", sealed=True), ReplicaSet("few"), ReplicaSet("many"))
    assert home_of(sets, PHOTOS, "main") == "many"
    full = view(ReplicaSet("main", sealed=True), ReplicaSet("few"), ReplicaSet("many"), full=OTHERS[2:])
    assert home_of(full, PHOTOS, "main") == "few"


def test_of_a_full_set_they_go_elsewhere_while_one_node_with_room_is_enough():
    sets = ReplicaSet("few"), ReplicaSet("many")
    assert home_of(view(*sets, full=NODES), PHOTOS, "main") == "many"
    assert home_of(view(*sets, full=NODES[1:]), PHOTOS, "main") == "main"


def test_a_set_whose_nodes_are_all_away_is_waited_for():
    assert home_of(view(ReplicaSet("few"), ReplicaSet("many"), healthy=OTHERS), PHOTOS, "main") == "main"


def test_where_every_set_is_sealed_or_full_none_is_chosen():
    with pytest.raises(Unavailable):
        home_of(view(ReplicaSet("main", sealed=True), full=OTHERS), PHOTOS, "main")


def test_they_never_leave_the_buckets_home_regions():
    sets = view(ReplicaSet("few"), ReplicaSet("many"))
    assert home_of(sets, Bucket("photos", home_regions=("eu", "us")), "main") == "many"
    with pytest.raises(Unavailable):
        home_of(sets, Bucket("photos", home_regions=("asia",)), "main")
