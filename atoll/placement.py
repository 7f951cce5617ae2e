"""Where bytes go and who serves them: distance, load, free space. Pure; randomness is passed in.

Candidates are ordered by bands of great-circle distance, not by exact distance, so that load can decide
between nodes that are about equally near. Within a band the first place goes to the less loaded of two
drawn at random (power of two choices, Mitzenmacher 2001): as good as the best, without everybody
rushing to the same node between two heartbeats.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from atoll.model import Node, Position

EARTH_RADIUS_KM = 6371.0088
# Upper edges in km: about metro, country, part of a continent, continent, ocean, two oceans; then the rest.
BANDS_KM = (100.0, 500.0, 1500.0, 4000.0, 9000.0, 13000.0)
MAX_LOTS = 256  # groups of places that are nearest to somebody; an `UploadRoom` keeps so many


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could do it: where it is, how loaded (0 idle, 1 saturated), how much room (bytes)."""

    node: Node
    position: Position
    load: float = 0.0
    bytes_free: int = 0


def distance_km(a: Position, b: Position) -> float:
    """Great-circle distance (haversine formula), in km."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians(b.lon - a.lon) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


def band(a: Position, b: Position) -> int:
    """The distance band between two places; 0 is nearest."""
    return bisect(BANDS_KM, distance_km(a, b))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate and its distance from the client, in km."""

    candidate: Candidate
    km: float


Bands = tuple[tuple[Ranked, ...], ...]


def order_candidates(
    client: Position, candidates: Iterable[Candidate], rng: random.Random
) -> list[Candidate]:
    """All candidates, best first: by band, in a band the less loaded of two first, then by distance."""
    return [ranked.candidate for ranked in draw(rank(client, candidates), rng)]


def rank(client: Position, candidates: Iterable[Candidate]) -> Bands:
    """The part of `order_candidates` that no dice decide: by band, in a band by distance. May be kept."""
    ranked = sorted(
        (Ranked(c, distance_km(client, c.position)) for c in candidates),
        key=lambda r: (r.km, r.candidate.node.name),
    )
    bands: dict[int, list[Ranked]] = {}
    for r in ranked:
        bands.setdefault(bisect(BANDS_KM, r.km), []).append(r)
    return tuple(tuple(members) for members in bands.values())


def draw(bands: Bands, rng: random.Random) -> list[Ranked]:
    """The rest of it, anew for every answer: the first place in each band."""
    return [ranked for members in bands for ranked in _less_loaded_first(members, rng)]


def _less_loaded_first(members: tuple[Ranked, ...], rng: random.Random) -> tuple[Ranked, ...]:
    if len(members) < 2:
        return members
    first = min(rng.sample(range(len(members)), 2), key=lambda i: members[i].candidate.load)
    return (members[first], *members[:first], *members[first + 1 :])


class UploadRoom:
    """The sets that take uploads now, ready for clients anywhere; made once for many of them.

    `sets` holds, per healthy unsealed set, its writable nodes. A choice costs a distance to each place where
    nodes stand, however many they are: which sets come nearest follows from the places alone, and is worked
    out once for all clients who have the same places nearest.
    """

    def __init__(self, sets: Iterable[Sequence[Candidate]]) -> None:
        self._sets = [members for members in sets if members]
        self._by_name = {members[0].node.set: members for members in self._sets}
        self._at: dict[Position, list[int]] = {}
        for number, members in enumerate(self._sets):
            for place in {candidate.position for candidate in members}:
                self._at.setdefault(place, []).append(number)
        self._lots: dict[tuple[Position, ...], _Lot] = {}

    def choose(self, client: Position, rng: random.Random, home: str | None = None) -> Candidate | None:
        """The node a new upload goes to; None when no set has a writable node.

        Among the sets that come nearest to the client (by band) one is drawn by free space – that of its
        fullest member, because every member gets every blob – and in it the nearest node is taken. The set
        `home` is taken if it is among them at all.
        """
        if not self._sets:
            return None
        members = self._by_name.get(home) if home is not None else None
        if members is None:
            lot = self._lot(client)
            (members,) = rng.choices(lot.sets, cum_weights=lot.room)
        return order_candidates(client, members, rng)[0]

    def _lot(self, client: Position) -> _Lot:
        bands = [(place, band(client, place)) for place in self._at]
        nearest = min(b for _, b in bands)
        places = tuple([place for place, b in bands if b == nearest])
        lot = self._lots.get(places)
        if lot is None:
            lot = self._make_lot(places)
            if len(self._lots) < MAX_LOTS:
                self._lots[places] = lot
        return lot

    def _make_lot(self, places: Iterable[Position]) -> _Lot:
        numbers = sorted({number for place in places for number in self._at[place]})
        sets = [self._sets[number] for number in numbers]
        return _Lot(sets, list(accumulate(1 + min(c.bytes_free for c in members) for members in sets)))


class _Lot(NamedTuple):
    """Sets to draw from, and their free bytes, added up one after the other."""

    sets: list[Sequence[Candidate]]
    room: list[int]
