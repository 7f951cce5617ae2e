"""Distances are right, near comes first, load and free space decide among equals."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.model import Node, Position
from atoll.placement import (
    BANDS_KM,
    Candidate,
    UploadRoom,
    band,
    distance_km,
    draw,
    order_candidates,
    rank,
)

FRANKFURT = Position(50.1109, 8.6821)
PARIS = Position(48.8566, 2.3522)
NEW_YORK = Position(40.7128, -74.0060)
SINGAPORE = Position(1.3521, 103.8198)
SYDNEY = Position(-33.8688, 151.2093)

anywhere = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))


def at(name, position, load=0.0, free=0):
    return Candidate(Node(name, "r", "s1", "http://n.test"), position, load, free)


def names(candidates):
    return [c.node.name for c in candidates]


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        (FRANKFURT, FRANKFURT, 0),
        (FRANKFURT, PARIS, 478),
        (FRANKFURT, NEW_YORK, 6203),
        (PARIS, NEW_YORK, 5837),
        (FRANKFURT, SYDNEY, 16_500),
        (Position(0, 0), Position(0, 180), 20_015),  # half of the equator
        (Position(90, 0), Position(-90, 0), 20_015),  # pole to pole
        (Position(0, 179.5), Position(0, -179.5), 111),  # across the date line, not round the Earth
        (Position(90, 0), Position(90, 123), 0),  # a pole has every longitude
    ],
)
def test_known_distances(a, b, km):
    assert distance_km(a, b) == pytest.approx(km, rel=0.005, abs=0.5)


@given(anywhere, anywhere)
def test_a_distance_is_the_same_both_ways_and_never_more_than_half_the_earth(a, b):
    assert distance_km(a, b) == pytest.approx(distance_km(b, a), abs=1e-6)
    assert 0 <= distance_km(a, b) <= 20_016


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (FRANKFURT, FRANKFURT, 0),
        (FRANKFURT, PARIS, 1),
        (FRANKFURT, NEW_YORK, 4),
        (FRANKFURT, SINGAPORE, 5),
        (FRANKFURT, SYDNEY, 6),
    ],
)
def test_bands(a, b, expected):
    assert band(a, b) == expected
    assert expected <= len(BANDS_KM)


@given(st.lists(st.tuples(anywhere, st.floats(0, 2)), max_size=12), anywhere, st.integers())
def test_everybody_comes_once_and_no_band_before_a_nearer_one(places, client, seed):
    candidates = [at(f"n{i}", place, load) for i, (place, load) in enumerate(places)]
    ordered = order_candidates(client, candidates, random.Random(seed))
    assert sorted(names(ordered)) == sorted(names(candidates))
    bands = [band(client, c.position) for c in ordered]
    assert bands == sorted(bands)


def test_of_two_far_places_the_nearer_wins_whatever_the_load():
    far = [at("virginia", Position(38.95, -77.45)), at("frankfurt", FRANKFURT, load=0.9)]
    assert {names(order_candidates(SINGAPORE, far, random.Random(seed)))[0] for seed in range(20)} == {
        "frankfurt"
    }


def test_after_the_first_of_a_band_distance_decides():
    places = [Position(50 + n / 100, 8.7) for n in range(5)]
    candidates = [at(f"n{n}", place) for n, place in enumerate(places)]
    for seed in range(20):
        ordered = names(order_candidates(Position(50, 8.7), candidates, random.Random(seed)))
        rest = ordered[1:]
        assert rest == sorted(rest)


def test_of_two_equally_near_nodes_the_idle_one_is_always_first():
    busy, idle = at("busy", FRANKFURT, load=0.9), at("idle", FRANKFURT, load=0.1)
    for seed in range(50):
        assert names(order_candidates(PARIS, [busy, idle], random.Random(seed))) == ["idle", "busy"]


def test_a_busy_near_node_is_before_an_idle_far_one():
    near, far = at("near", FRANKFURT, load=5.0), at("far", NEW_YORK, load=0.0)
    assert names(order_candidates(PARIS, [far, near], random.Random(1))) == ["near", "far"]


def test_the_choice_of_two_never_takes_the_most_loaded_and_spreads_over_the_rest():
    candidates = [at(f"n{load}", FRANKFURT, load=load / 10) for load in range(5)]
    rng = random.Random(7)
    first = Counter(order_candidates(PARIS, candidates, rng)[0].node.name for _ in range(10_000))
    assert first["n4"] == 0  # it loses to whomever it is drawn with
    # The k-th least loaded of n wins against the n-1-k worse ones: (n-1-k) of n(n-1)/2 pairs.
    for load, share in enumerate([0.4, 0.3, 0.2, 0.1]):
        assert first[f"n{load}"] / 10_000 == pytest.approx(share, abs=0.02)


def test_a_ranking_may_be_kept_and_drawn_from_again():
    candidates = [at(f"n{n}", FRANKFURT) for n in range(4)]
    bands = rank(PARIS, candidates)
    once = [r.candidate for r in draw(bands, random.Random(3))]
    assert once == order_candidates(PARIS, candidates, random.Random(3))
    assert bands == rank(PARIS, candidates)


def test_the_same_seed_gives_the_same_order():
    candidates = [at(f"n{n}", FRANKFURT) for n in range(8)]
    orders = {tuple(names(order_candidates(PARIS, candidates, random.Random(5)))) for _ in range(5)}
    assert len(orders) == 1


def test_no_candidates_no_order():
    assert order_candidates(PARIS, [], random.Random(0)) == []


def test_without_a_writable_node_there_is_nowhere_to_upload():
    assert UploadRoom([]).choose(PARIS, random.Random(0)) is None
    assert UploadRoom([[], []]).choose(PARIS, random.Random(0)) is None


def test_sets_as_near_as_each_other_are_drawn_by_the_room_of_their_fullest_member():
    roomy = [at("roomy", FRANKFURT, free=3_000_000), at("roomy-us", NEW_YORK, free=9_000_000)]
    fuller = [at("fuller", FRANKFURT, free=9_000_000), at("fuller-us", NEW_YORK, free=1_000_000)]
    room, rng = UploadRoom([roomy, fuller]), random.Random(11)
    chosen = Counter(room.choose(PARIS, rng).node.name for _ in range(8000))
    assert chosen.keys() == {"roomy", "fuller"}
    assert chosen["roomy"] / 8000 == pytest.approx(0.75, abs=0.02)


def test_a_set_that_comes_nearer_wins_over_a_roomier_one():
    near = [at("near", FRANKFURT, free=1)]
    far = [at("far", NEW_YORK, free=10**12)]
    for seed in range(20):
        assert UploadRoom([far, near]).choose(PARIS, random.Random(seed)).node.name == "near"


def test_in_the_chosen_set_the_nearest_node_is_taken():
    members = [at("us", NEW_YORK, free=5), at("eu", FRANKFURT, load=0.99, free=5), at("au", SYDNEY, free=5)]
    assert UploadRoom([members]).choose(PARIS, random.Random(0)).node.name == "eu"
    assert UploadRoom([members]).choose(NEW_YORK, random.Random(0)).node.name == "us"


def test_full_disks_everywhere_do_not_break_the_draw():
    assert UploadRoom([[at("a", PARIS)], [at("b", PARIS)]]).choose(PARIS, random.Random(0)) is not None


def sets_of(shape):
    """Sets from (name, members) where members are (place, free bytes)."""
    return [
        [
            Candidate(Node(f"{name}-{n}", "r", name, "http://n.test"), place, bytes_free=free)
            for n, (place, free) in enumerate(members)
        ]
        for name, members in shape.items()
    ]


places = st.sampled_from([FRANKFURT, PARIS, NEW_YORK, SINGAPORE, SYDNEY])
shapes = st.dictionaries(
    st.sampled_from(["s1", "s2", "s3", "s4", "s5"]),
    st.lists(st.tuples(places, st.integers(0, 10**12)), max_size=3),
)


@given(shapes, anywhere, st.integers())
def test_a_room_that_is_kept_chooses_as_if_every_set_were_looked_at_each_time(shape, client, seed):
    sets = [members for members in sets_of(shape) if members]
    room = UploadRoom(sets)
    room.choose(client, random.Random(1))  # what it keeps is there now
    chosen = room.choose(client, random.Random(seed))
    if not sets:
        assert chosen is None
        return
    bands = [min(band(client, c.position) for c in members) for members in sets]
    nearest = [members for members, b in zip(sets, bands, strict=True) if b == min(bands)]
    rng = random.Random(seed)
    drawn = rng.choices(nearest, weights=[1 + min(c.bytes_free for c in members) for members in nearest])[0]
    assert chosen == order_candidates(client, drawn, rng)[0]


def test_the_home_of_a_name_is_taken_wherever_it_lies_and_passed_over_when_it_takes_nothing():
    room = UploadRoom(sets_of({"far": [(SYDNEY, 1)], "near": [(PARIS, 9)], "full": []}))
    assert room.choose(PARIS, random.Random(0), "far").node.set == "far"
    assert room.choose(PARIS, random.Random(0), "full").node.set == "near"
    assert room.choose(PARIS, random.Random(0), "unknown").node.set == "near"
