"""Membership: who may leave a set, and when."""

from __future__ import annotations

import pytest

from atoll.cluster import ClusterMap
from atoll.errors import Conflict
from atoll.model import Node, Region
from query_service.membership import check_change


def cluster(**states):
    names = {"eu": "eu-1", "us": "us-1", "ap": "ap-1"}
    nodes = [Node(names[r], r, "s1", f"http://{r}", state) for r, state in states.items()]
    return ClusterMap.of([*(Region(r, 0, 0) for r in names), *nodes])


EU = Node("eu-1", "eu", "s1", "http://eu")
THREE = {"eu": "active", "us": "active", "ap": "active"}


def change(world, node, wanted, *, force=False, drained=False):
    check_change(world, world.nodes[node], wanted, force=force, drained=drained)


def test_one_of_three_may_drain_and_come_back():
    change(cluster(**THREE), "eu-1", "draining")
    change(cluster(**THREE | {"eu": "draining"}), "eu-1", "active")


def test_a_set_is_not_left_in_one_region_unless_forced():
    two = cluster(eu="active", us="active")
    with pytest.raises(Conflict, match="1 region"):
        change(two, "eu-1", "draining")
    change(two, "eu-1", "draining", force=True)


def test_a_draining_neighbour_does_not_count_as_staying():
    with pytest.raises(Conflict, match="1 region"):
        change(cluster(**THREE | {"us": "draining"}), "eu-1", "draining")


def test_a_node_is_removed_only_when_all_it_holds_is_confirmed_elsewhere():
    world = cluster(**THREE | {"eu": "draining"})
    with pytest.raises(Conflict, match="Not every"):
        change(world, "eu-1", "removed")
    change(world, "eu-1", "removed", drained=True)
    change(world, "eu-1", "removed", force=True)


def test_the_last_node_of_a_set_stays_even_if_forced():
    with pytest.raises(Conflict, match="last node"):
        change(cluster(eu="active"), "eu-1", "removed", force=True)


def test_a_whole_set_may_leave_that_is_sealed_and_has_never_held_anything():
    check_change(cluster(eu="active"), EU, "draining", force=False, drained=False, unused=True)
    last = cluster(eu="draining")
    check_change(last, last.nodes["eu-1"], "removed", force=False, drained=True, unused=True)
    with pytest.raises(Conflict, match="Not every"):
        check_change(last, last.nodes["eu-1"], "removed", force=False, drained=False, unused=True)


@pytest.mark.parametrize("wanted", ["active", "draining"])
def test_a_removed_node_does_not_come_back(wanted):
    with pytest.raises(Conflict, match="new name"):
        change(cluster(**THREE | {"eu": "removed"}), "eu-1", wanted, force=True)


def test_what_is_so_already_is_no_change():
    change(cluster(eu="active"), "eu-1", "active")
