"""Which regions' streams a replicator reads, by the cluster map."""

from __future__ import annotations

from atoll.cluster import ClusterMap
from atoll.model import Node, Region
from replicator.regions import sources_of

A, B, C = Region("a", 0, 0), Region("b", 10, 10, "leaf-b"), Region("c", 20, 20)


def node(name, region, set_name="s1", state="active"):
    return Node(name, region, set_name, f"http://{name}", state)


def test_all_regions_where_the_set_has_other_members_are_read_and_no_others():
    cluster = ClusterMap.of([A, B, C, node("n1", "a"), node("n2", "b"), node("x", "c", "s2")])
    assert set(sources_of(cluster, "n1")) == {("b", "leaf-b", "s1")}


def test_the_own_region_is_read_as_soon_as_another_member_stands_there():
    cluster = ClusterMap.of([A, B, node("n1", "a"), node("n2", "b"), node("n3", "a")])
    assert set(sources_of(cluster, "n1")) == {("a", None, "s1"), ("b", "leaf-b", "s1")}


def test_nothing_is_read_before_the_node_has_joined_nor_after_its_removal():
    assert sources_of(ClusterMap.of([A, node("n2", "a")]), "n1") == {}
    assert sources_of(ClusterMap.of([A, node("n1", "a", state="removed")]), "n1") == {}


def test_a_draining_member_still_has_events_and_a_removed_one_has_none():
    cluster = ClusterMap.of(
        [A, B, C, node("n1", "a"), node("n2", "b", state="draining"), node("n3", "c", state="removed")]
    )
    assert {key[0] for key in sources_of(cluster, "n1")} == {"b"}


def test_another_domain_or_set_needs_another_reader_and_another_position_does_not():
    def keys(region, set_name="s1"):
        members = [node("n1", "a", set_name), node("n2", "a", set_name)]
        return set(sources_of(ClusterMap.of([region, *members]), "n1"))

    assert keys(Region("a", 1, 1)) == keys(Region("a", 2, 2))
    assert keys(Region("a", 1, 1)) != keys(Region("a", 1, 1, "leaf"))
    assert keys(A, "s1") != keys(A, "s2")
