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

from atoll.model import Node, Position

EARTH_RADIUS_KM = 6371.0088
# Upper edges in km: about metro, country, part of a continent, continent, ocean, two oceans; then the rest.
BANDS_KM = (100.0, 500.0, 1500.0, 4000.0, 9000.0, 13000.0)


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


def choose_upload_node(
    client: Position, sets: Sequence[Sequence[Candidate]], rng: random.Random
) -> Candidate | None:
    """The node a new upload goes to; None when no set has a writable node.

    `sets` holds, per healthy unsealed set, its writable nodes. Among the sets that come nearest to the
    client (by band) one is drawn by free space – that of its fullest member, because every member gets
    every blob – and in it the nearest node is taken.
    """
    usable = [members for members in sets if members]
    if not usable:
        return None
    bands = [min(band(client, c.position) for c in members) for members in usable]
    nearest = [members for members, b in zip(usable, bands, strict=True) if b == min(bands)]
    room = [1 + min(c.bytes_free for c in members) for members in nearest]
    chosen = rng.choices(nearest, weights=room)[0]
    return order_candidates(client, chosen, rng)[0]
