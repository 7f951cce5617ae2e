"""The cluster map as a value: sealed entries, members of sets, peers by distance."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.bucket import Bucket
from atoll.cluster import BadEntry, ClusterMap, key_of, open_entry, seal_entry
from atoll.errors import NotFound
from atoll.model import Node, Region, ReplicaSet
from atoll.signing import Keys, seal

KEYS = Keys(b"k" * 32)
EU, US, AU = Region("eu", 50.1, 8.7), Region("us", 40.7, -74.0), Region("au", -33.9, 151.2)


def node(name, region, set_name="s1", state="active"):
    return Node(name, region, set_name, f"https://{name}.test", state)


EU_1, US_1, AU_1 = node("eu-1", "eu"), node("us-1", "us"), node("au-1", "au")
ENTRIES = [EU, US, AU, EU_1, US_1, AU_1, ReplicaSet("s1", sealed=True), Bucket("photos", "private")]


@pytest.mark.parametrize("entry", ENTRIES, ids=key_of)
def test_an_entry_comes_back_as_it_was(entry):
    assert open_entry(key_of(entry), seal_entry(entry, KEYS), KEYS) == entry


def resealed(key, document, keys=KEYS):
    body = json.dumps(document).encode()
    return json.dumps({"seal": seal(keys.map_entry, key, body), "entry": document}).encode()


REAL = json.loads(seal_entry(EU_1, KEYS))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node.eu-2", seal_entry(EU_1, KEYS)),
        ("node.eu-1", seal_entry(EU_1, Keys(b"x" * 32))),
        ("node.eu-1", seal_entry(EU_1, KEYS).replace(b"https://eu-1", b"https://evil")),
        ("node.eu-1", json.dumps(REAL | {"seal": ""}).encode()),
        ("node.eu-1", json.dumps({"entry": REAL["entry"]}).encode()),
        ("node.eu-1", b""),
        ("node.eu-1", b"null"),
        ("node.eu-1", b"\xff"),
        ("node", seal_entry(EU_1, KEYS)),
        ("planet.eu-1", seal_entry(EU_1, KEYS)),
        ("", b"{}"),
    ],
)
def test_a_forged_entry_is_refused(key, value):
    with pytest.raises(BadEntry):
        open_entry(key, value, KEYS)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "eu-2"},
        {"name": "../x"},
        {"region": "EU"},
        {"state": "dead"},
        {"url": None},
        {"joined_at": -1},
    ],
)
def test_a_sealed_entry_outside_its_grammar_or_key_is_refused_too(changes):
    compact = msgspec.json.encode(REAL["entry"] | changes)
    value = msgspec.json.encode(
        {"seal": seal(KEYS.map_entry, "node.eu-1", compact), "entry": msgspec.Raw(compact)}
    )
    with pytest.raises(BadEntry):
        open_entry("node.eu-1", value, KEYS)


@given(st.text(max_size=20), st.binary(max_size=100))
def test_any_key_and_value_is_an_entry_or_refused(key, value):
    with pytest.raises(BadEntry):
        open_entry(key, value, KEYS)


def test_an_entry_of_one_kind_is_none_of_another():
    with pytest.raises(BadEntry):
        open_entry("set.eu", seal_entry(EU, KEYS), KEYS)


def test_a_map_finds_what_is_in_it_and_says_what_is_not():
    cluster = ClusterMap.of(ENTRIES)
    assert (cluster.region("eu"), cluster.node("eu-1")) == (EU, EU_1)
    assert cluster.bucket("photos").visibility == "private"
    assert cluster.sets["s1"].sealed
    for look_up in (cluster.region, cluster.node, cluster.bucket):
        with pytest.raises(NotFound, match=r"no .* 'nowhere'"):
            look_up("nowhere")


def test_what_is_not_found_is_never_repeated_at_length():
    with pytest.raises(NotFound) as refused:
        ClusterMap().node("x" * 5000)
    assert len(refused.value.facts["node"]) == 80


def test_members_are_the_nodes_that_count():
    cluster = ClusterMap.of(
        [
            *ENTRIES,
            node("eu-0", "eu", state="draining"),
            node("eu-9", "eu", state="removed"),
            node("x", "mars"),
        ]
    )
    assert [n.name for n in cluster.members("s1")] == ["au-1", "eu-0", "eu-1", "us-1"]
    assert cluster.members("nowhere") == ()


def test_peers_are_the_others_nearest_first():
    cluster = ClusterMap.of([*ENTRIES, node("eu-2", "eu"), node("us-2", "us", "s2")])
    assert [n.name for n in cluster.peers("eu-1")] == ["eu-2", "us-1", "au-1"]
    assert [n.name for n in cluster.peers("au-1")] == ["us-1", "eu-1", "eu-2"]
    assert cluster.peers("us-2") == []


def test_nearest_members_start_in_the_region_itself():
    cluster = ClusterMap.of(ENTRIES)
    assert [n.name for n in cluster.nearest_members("s1", "us")] == ["us-1", "eu-1", "au-1"]


def test_the_last_entry_of_a_key_counts():
    moved = msgspec.structs.replace(EU_1, url="https://new.test")
    assert ClusterMap.of([EU, EU_1, moved]).node("eu-1").url == "https://new.test"


def test_a_map_without_entries_is_empty_and_whole():
    empty = ClusterMap.of([])
    assert (empty.regions, empty.nodes, empty.sets, empty.buckets) == ({}, {}, {}, {})
