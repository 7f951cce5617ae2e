"""The simulation of a large cluster: nothing lost or made of nothing, a seed is a run, a case by hand."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from atoll.cluster import ClusterMap
from atoll.model import Node, Position, Region, ReplicaSet
from atoll.placement import distance_km
from benchmarks.simulation.events import Loop
from benchmarks.simulation.figures import PUBLISHED_RTT_MS, Figures, RoundTrip, fitted_round_trip
from benchmarks.simulation.growing import grow
from benchmarks.simulation.loss import STEP_SECONDS, Pace, Refill, day_and_night
from benchmarks.simulation.outcome import Plan
from benchmarks.simulation.regions import REGIONS
from benchmarks.simulation.stock import Stock
from benchmarks.simulation.story import simulate
from benchmarks.simulation.world import APART_KM, layout
from replicator.anti_entropy_pace import Throttle
from replicator.settings import ReplicatorSettings

FEW = REGIONS[:6]
SMALL = Plan(nodes_each=2, images=2_000_000, shard=10_000, days=20.0, reads=200)

EAST, WEST = Region("east", 0.0, 10.0), Region("west", 0.0, 0.0)
LOST, KEPT = Node("east-1", "east", "s", "http://e"), Node("west-1", "west", "s", "http://w")
PAIR = ClusterMap.of([EAST, WEST, ReplicaSet("s"), LOST, KEPT])


def test_what_happens_at_the_same_time_happens_in_the_order_it_was_planned_in():
    loop, seen = Loop(), []
    loop.at(2.0, lambda: seen.append("late"))
    loop.at(1.0, lambda: (seen.append("first"), loop.after(0.0, lambda: seen.append("then"))))
    loop.at(1.0, lambda: seen.append("second"))
    loop.run(until=1.5)
    assert (seen, loop.now) == (["first", "second", "then"], 1.5)
    loop.run()
    assert (seen[-1], loop.now) == ("late", 2.0)
    with pytest.raises(ValueError, match="is past"):
        loop.at(1.0, lambda: None)


def test_every_node_has_one_set_and_every_set_three_regions_one_of_them_far_away():
    regions = [region for region, _ in REGIONS]
    cluster = ClusterMap.of(layout(regions, 10))
    assert (len(cluster.nodes), len(cluster.sets)) == (300, 100)
    far = 0
    for name in cluster.sets:
        places = [cluster.region(node.region) for node in cluster.members(name)]
        assert len({place.name for place in places}) == 3
        kms = [distance_km(places[a].position, places[b].position) for a, b in ((0, 1), (0, 2), (1, 2))]
        far += max(kms) >= APART_KM
    assert far == 100
    assert all(sum(n.region == r.name for n in cluster.nodes.values()) == 10 for r in regions)


def test_no_image_is_lost_or_made_of_nothing_while_a_region_ends_and_comes_back():
    outcome = simulate(SMALL, regions=FEW)
    assert outcome.uploaded == SMALL.images  # the run itself held its books against each other, twice
    assert outcome.copies == 3 * SMALL.images
    assert outcome.replicated == 2 * SMALL.images * Figures().image_bytes
    assert outcome.repaired == outcome.loss.bytes > 0
    assert outcome.cost.spread_once == 12.0  # 600 GB of a million images for USD 0.02 each, and no repair
    assert outcome.loss.missing[0] == 1.0
    assert outcome.loss.missing[-1] == 0.0
    assert list(outcome.loss.missing) == sorted(outcome.loss.missing, reverse=True)
    assert outcome.loss.during.unanswered == 0.0  # the sets' other regions answer


def test_a_seed_is_a_run_and_another_seed_is_another():
    again = simulate(SMALL, regions=FEW)
    assert simulate(SMALL, regions=FEW) == again
    other = replace(SMALL, seed=2)
    assert grow(other, Figures(), FEW).filled() != grow(SMALL, Figures(), FEW).filled()


def test_books_that_do_not_agree_are_noticed():
    stock = Stock(10)
    stock.upload(KEPT, 5)
    with pytest.raises(ValueError, match="cannot have 6 more"):
        stock.copy(KEPT, LOST, 6)
    stock.copy(KEPT, LOST, 5)
    stock.check([KEPT, LOST])
    assert stock.traffic == {("west", "east"): 50}
    stock.uploaded += 1
    with pytest.raises(RuntimeError, match="other images than were uploaded"):
        stock.check([KEPT, LOST])


def test_two_nodes_by_hand():
    """1,200 images, six at once, each in 0.1 s of its own, 0.1 s of way and 0.1 s of bytes: 20 a second."""
    figures = Figures(image_bytes=100_000, pull_seconds=0.1, flow_bytes_per_second=1e6)
    stock, loop = Stock(figures.image_bytes), Loop()
    stock.upload(KEPT, 1200)
    pace = Pace(parallel=6, bytes_per_second=10**9, busy_load=0.8)
    refill = Refill(loop, PAIR, stock, figures, RoundTrip(100.0, 0.0, 0.0), pace, lambda *_: 0.5)
    refill.begin([LOST], frozenset({LOST.name}))
    loop.run()
    assert refill.whole_at == {"east-1": pytest.approx(60.0)}
    assert stock.traffic == {("west", "east"): 120_000_000}


@pytest.mark.parametrize(
    ("pace", "load", "seconds"),
    [
        (Pace(parallel=3, bytes_per_second=10**9), 0.5, 120.0),  # half the places
        (Pace(parallel=6, bytes_per_second=1_000_000), 0.5, 120.0),  # 10 images a second are allowed
        (Pace(parallel=6, bytes_per_second=10**9), 0.9, 600.0),  # busy: one at a time, half a second apart
    ],
)
def test_settings_and_load_bound_the_pace_by_hand(pace, load, seconds):
    figures = Figures(image_bytes=100_000, pull_seconds=0.1, flow_bytes_per_second=1e6)
    stock, loop = Stock(figures.image_bytes), Loop()
    stock.upload(KEPT, 1200)
    refill = Refill(loop, PAIR, stock, figures, RoundTrip(100.0, 0.0, 0.0), pace, lambda *_: load)
    refill.begin([LOST], frozenset({LOST.name}))
    loop.run()
    assert refill.whole_at["east-1"] == pytest.approx(seconds, rel=0.01)


def test_after_a_busy_day_all_places_are_used_at_once_however_many_they_are():
    figures = Figures(image_bytes=100_000, pull_seconds=0.1, flow_bytes_per_second=1e6)
    loop, throttle, busy = Loop(), Throttle(96, 0.8), [0.9]
    pace, trip = Pace(parallel=96, bytes_per_second=10**9), RoundTrip(100.0, 0.0, 0.0)
    refill = Refill(loop, PAIR, Stock(figures.image_bytes), figures, trip, pace, lambda *_: busy[0])
    assert refill.rate(LOST, KEPT, throttle) == pytest.approx(2.0)
    loop.run(until=STEP_SECONDS)
    busy[0] = 0.5
    assert refill.rate(LOST, KEPT, throttle) == pytest.approx(96 / 0.3)


def test_the_pace_is_that_of_the_replicators_own_settings():
    defaults = {name: field.default for name, field in ReplicatorSettings.__dataclass_fields__.items()}
    names = ("parallel", "parallel_most", "idle_load", "bytes_per_second", "busy_load")
    assert Pace() == Pace(*(defaults[f"repair_{name}"] for name in names))


def test_load_follows_the_sun():
    assert day_and_night(0.0, 4 * 3600) == pytest.approx(0.1)
    assert day_and_night(0.0, 16 * 3600) == pytest.approx(0.9)
    assert day_and_night(180.0, 4 * 3600) == pytest.approx(0.9)


def test_the_line_through_published_round_trips_is_near_them():
    trip = fitted_round_trip()
    assert (
        0.0098 < trip.ms_per_km < 0.02
    )  # light in glass takes 0.0098 ms there and back; cables are no chords
    assert trip.error_ms < 30
    names = {region.name for region, _ in REGIONS}
    assert all({a, b} <= names for a, b in PUBLISHED_RTT_MS)
    assert all(Position(r.lat, r.lon) == r.position for r, _ in REGIONS)
