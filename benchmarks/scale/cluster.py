"""What a cluster of ever more nodes costs a query service and a monitor: three regions hold each set.

The map's entries are sealed and opened, heartbeats too, as on the wire; no network is between. The clock
stands still, so a view is made when `Views` is told to drop it and at no other moment.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple

from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap, Entry, key_of, seal_entry
from atoll.delivery_keys import ring_of
from atoll.events import heartbeat_subject, seal_heartbeat
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.ids import now_ms
from atoll.map_copy import MapCopy
from atoll.model import AssetRecord, Blob, Location, Node, Picture, Position, Region, ReplicaSet
from atoll.signing import Keys
from query_service.catalog_asset import CatalogAsset
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import Views
from query_service.resolver import Resolver
from query_service.tickets import TicketOffice, TicketRules
from query_service.url_signer import Client, UrlSigner
from query_service.wishes import Wishes

REGIONS = 30
MEMBERS = 3  # of a set, each in another region
BUCKET = "pictures"
_RULES = TicketRules(900, 2**26, 10**8, 100)
_TB = 10**12


class Place(NamedTuple):
    """A cluster as one query service sees it."""

    entries: tuple[Entry, ...]
    cluster: ClusterMap
    keys: Keys
    health: HealthTable
    views: Views
    office: TicketOffice
    resolver: Resolver


def sized(nodes: int, seed: int = 1) -> Place:
    """A cluster of so many healthy nodes (a multiple of three)."""
    rng = random.Random(seed)
    keys = Keys(secrets.token_bytes(32))
    entries = tuple(_entries(nodes, rng))
    cluster, health = ClusterMap.of(entries), HealthTable()
    for node in cluster.nodes.values():
        health.heard(beat_of(node, rng), 0.0)
    views = Views(ClusterKnown(lambda: cluster, health, lambda: 0.0))
    wishes = Wishes()
    signer = UrlSigner(lambda: ring_of(keys, {}))
    office = TicketOffice(views, keys, _RULES, rng, wishes)
    return Place(entries, cluster, keys, health, views, office, Resolver(views, signer, wishes, rng))


def _entries(nodes: int, rng: random.Random) -> Iterator[Entry]:
    regions = [
        Region(f"r{n}", round(rng.uniform(-40, 60), 2), round(rng.uniform(-120, 150), 2))
        for n in range(REGIONS)
    ]
    yield from regions
    yield Bucket(BUCKET)
    for number in range(max(1, nodes // MEMBERS)):
        yield ReplicaSet(f"s{number}")
        for member, region in enumerate(rng.sample(regions, MEMBERS)):
            name = f"n{number}-{member}"
            yield Node(name, region.name, f"s{number}", f"http://{name}.test")


def beat_of(node: Node, rng: random.Random) -> Heartbeat:
    """What a node says of itself, at half of a disk of a terabyte."""
    return Heartbeat(
        node=node.name, region=node.region, set=node.set, url=node.url, at=now_ms(), version="1",
        state="ready", read_only=False, load=rng.random(), bytes_total=_TB,
        bytes_free=rng.randrange(_TB // 4, _TB // 2), blobs=10**6, outbox=0, outbox_age_ms=0,
    )  # fmt: skip


def messages(place: Place) -> list[Msg]:
    """A heartbeat of every node, as NATS brings it."""
    rng, client = random.Random(2), NatsClient()
    beats = [beat_of(node, rng) for node in place.cluster.nodes.values()]
    return [_message(client, beat, place.keys) for beat in beats]


def _message(client: NatsClient, beat: Heartbeat, keys: Keys) -> Msg:
    body, headers = seal_heartbeat(beat, keys)
    return Msg(client, heartbeat_subject(beat.region, beat.node), "", body, headers)


def clients(number: int) -> list[Position]:
    """Where clients are: anywhere, each at another place."""
    rng = random.Random(3)
    return [Position(rng.uniform(-60, 70), rng.uniform(-180, 180)) for _ in range(number)]


def assets(place: Place, number: int) -> list[tuple[CatalogAsset, Client]]:
    """Assets of all sets in turn, and who asks for them."""
    sets = sorted(place.cluster.sets)
    return [
        (_asset(place.cluster, sets[n % len(sets)], n), Client(position, 600))
        for n, position in enumerate(clients(number))
    ]


def _asset(cluster: ClusterMap, set_name: str, number: int) -> CatalogAsset:
    blob = Blob(BUCKET, f"{number:064x}", "jpg", 80_000, Picture(1280, 960))
    name = f"{number:026}"
    places = tuple(Location(n.name, n.region, 1, 1) for n in cluster.members(set_name))
    return CatalogAsset(AssetRecord(name, name, name, set_name, blob, 1), places)


def map_change(place: Place) -> Callable[[Entry], object]:
    """What every daemon does with a changed entry: open it, write the copy, make the map anew."""
    copy = MapCopy(place.keys)
    for entry in place.entries:
        copy.take(key_of(entry), seal_entry(entry, place.keys), 1)

    def change(entry: Entry) -> object:
        copy.take(key_of(entry), seal_entry(entry, place.keys), 2)
        copy.encode()
        return copy.as_map().members("s0")

    return change
