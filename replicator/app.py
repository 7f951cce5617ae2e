"""The wiring: everything is built here, in order, and ended in reverse. Constructs; decides nothing."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.http import serve
from atoll.ids import now_ms
from atoll.lifecycle import Stop, Tasks
from atoll.loop_meter import LoopMeter
from atoll.metrics import new_registry
from atoll.model import Region
from atoll.node_client import NodeClient, open_session
from atoll.parking import ParkingPlace
from atoll.settings import read_secret
from atoll.signing import MIN_SECRET_BYTES, Keys
from atoll.streams import Consumer
from replicator.anti_entropy import AntiEntropy, Means
from replicator.anti_entropy_figures import RepairFigures
from replicator.anti_entropy_ledger import Ledger
from replicator.anti_entropy_pace import ByteRate, Slots, Throttle
from replicator.behind import Behind
from replicator.company import Company
from replicator.ending import end_in_order
from replicator.figures import Figures
from replicator.gate import NodeGate
from replicator.held import Held
from replicator.http_api import make_http_app
from replicator.intake import Intake
from replicator.mends import Mends
from replicator.own_node import OwnNode
from replicator.parking import Parking
from replicator.peers import Peers
from replicator.pulls import Pulls
from replicator.region_reader import RegionReader
from replicator.regions import Regions
from replicator.settings import ReplicatorSettings
from replicator.sources import Sources
from replicator.status import StatusSource
from replicator.tombstones import Tombstones
from replicator.verdict import retry_delay
from replicator.wanted_pulls import WantedPulls
from replicator.wanted_walk import WantedWalk
from replicator.window import Window
from replicator.workers import Workers

log = logging.getLogger(__name__)

# Room for messages that were given back with a delay: NATS counts them as pending until they come again,
# and a full count would hold up the fresh ones.
PENDING_PER_SLOT = 16


async def run(settings: ReplicatorSettings, stop: Stop) -> None:
    """Serve the node until `stop`. `SettingsError` when the cluster secret cannot be used."""
    keys, rng = Keys(read_secret(settings.cluster_secret_file, MIN_SECRET_BYTES)), random.Random()
    registry = new_registry("replicator", settings.name, settings.region)
    figures = Figures(registry)
    durable = f"replicator-{settings.node}"
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        bus = Bus(settings)
        cluster = _cluster_map(settings, bus, keys)
        await cluster.load()
        session = await enter(open_session())
        client = NodeClient(session, keys, settings.name)
        node, peers, sources = _neighbours(settings, keys, bus, cluster, client)
        gate = NodeGate(node.check, settings.node_probe_seconds, rng)
        held, (window, behind) = Held(time.monotonic), _windows(settings, gate)
        again = _retry_delays(settings, rng)
        parking = Parking(ParkingPlace(bus, cluster, settings.region, durable), again, figures)
        mending = RepairFigures(registry)
        hands = Hands(node, sources, parking, figures, mending, settings.retries, again)
        workers = _workers(window, gate, hands, settings.pulls_together)
        menders = _workers(behind, gate, hands, 1)
        walk = WantedWalk(node, window, settings.wanted_seconds, settings.wanted_batch, now_ms)
        peers.on_return(walk.hurry)
        ledger = Ledger(mending, now_ms)
        means = Means(client, cluster, node, peers, sources, behind, gate, mending, now_ms, rng)
        repair = _anti_entropy(settings, means, ledger)
        intake = Intake(held, window, keys, settings.node)
        tasks = Tasks(stop)

        def reader(region: Region, set_name: str) -> RegionReader:
            consumer = _consumer(bus, region, set_name, durable, settings.window)
            return RegionReader(consumer, intake, held, gate, settings.window, rng)

        regions = Regions(settings.node, reader, tasks, figures)
        gate.on_open(regions.wake)
        held.on_answer(regions.wake)
        status = StatusSource(
            settings.name, settings.node, stop, bus, cluster, gate, regions, held, parking, ledger
        )
        figures.watch(lambda: len(window) + len(behind), lambda: len(held), lambda: not gate.is_open)

        await enter(bus.opened())
        await enter(tasks)
        app = make_http_app(settings, registry, status)
        await enter(serve(app, settings.listen_host, settings.listen_port, drain_seconds=1))
        regions.follow(cluster.current)
        cluster.on_change(regions.follow)
        for part in (cluster, peers, gate, held, walk, repair, LoopMeter(registry)):
            tasks.start(type(part).__name__.lower(), part.run())
        tasks.start("acks", held.acknowledge())
        tasks.start("backlog", regions.measure(settings.backlog_seconds))
        working = _start_work(tasks, settings, workers, menders)
        log.info("serving node %s", settings.node)
        await stop.wait()
        await end_in_order(regions, (window, behind), working, held, settings.drain_seconds)


def _neighbours(
    settings: ReplicatorSettings, keys: Keys, bus: Bus, cluster: LiveClusterMap, client: NodeClient
) -> tuple[OwnNode, Peers, Sources]:
    """The own node, the others of its set, and who has what."""
    peers = Peers(bus, cluster, keys, settings.node, time.monotonic)
    sources = Sources(cluster, peers, settings.node, settings.fresh_seconds, now_ms)
    return OwnNode(client, cluster, settings.node, settings.pull_seconds), peers, sources


def _windows(settings: ReplicatorSettings, gate: NodeGate) -> tuple[Window, Window]:
    """Of what is fresh, and behind it of repair, where nothing waits for company."""
    company = Company(settings.pulls_together, settings.company_seconds, time.monotonic)
    window = Window(gate, company)
    return window, Window(Behind(gate, window), Company(1, 0, time.monotonic))


def _start_work(
    tasks: Tasks, settings: ReplicatorSettings, workers: Workers, menders: Workers
) -> list[asyncio.Task[None]]:
    working = [tasks.start(f"work {n}", workers.work()) for n in range(settings.parallel_pulls)]
    return working + [tasks.start(f"repair {n}", menders.work()) for n in range(_most_repair(settings))]


def _consumer(bus: Bus, region: Region, set_name: str, durable: str, window: int) -> Consumer:
    subjects = [f"atoll.{region.name}.{kind}.{set_name}" for kind in ("blob.stored", "asset.deleted")]
    return Consumer(bus, region, durable, subjects, max_ack_pending=window * PENDING_PER_SLOT)


def _cluster_map(settings: ReplicatorSettings, bus: Bus, keys: Keys) -> LiveClusterMap:
    return LiveClusterMap(
        bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
    )


def _retry_delays(settings: ReplicatorSettings, rng: random.Random) -> Callable[[int], float]:
    return partial(retry_delay, first=settings.retry_first_seconds, cap=settings.retry_cap_seconds, rng=rng)


class Hands(NamedTuple):
    """What every kind of work is carried out with."""

    node: OwnNode
    sources: Sources
    parking: Parking
    figures: Figures
    mending: RepairFigures
    retries: int
    again: Callable[[int], float]


def _workers(window: Window, gate: NodeGate, hands: Hands, together: int) -> Workers:
    node, sources, parking, figures, mending, retries, again = hands
    return Workers(
        window,
        gate,
        Pulls(node, sources, parking, figures, retries, again),
        Tombstones(node, parking, figures, retries, again),
        parking,
        WantedPulls(node, sources, figures),
        Mends(node, figures, mending),
        figures,
        together,
    )


def _most_repair(settings: ReplicatorSettings) -> int:
    return max(settings.repair_parallel, settings.repair_parallel_most)


def _anti_entropy(settings: ReplicatorSettings, means: Means, ledger: Ledger) -> AntiEntropy:
    """It has workers of its own: an upload must not wait behind repair."""
    least, most = settings.repair_parallel, _most_repair(settings)
    slots = Slots(
        Throttle(least, settings.repair_busy_load, most=most, idle=settings.repair_idle_load),
        ByteRate(settings.repair_bytes_per_second),
        means.peers.load_with,
        time.monotonic,
    )
    means.figures.slots(lambda: slots.taken, lambda: slots.allowed, lambda: slots.rest)
    return AntiEntropy(
        settings.node, means, slots, ledger, settings.repair_seconds, settings.repair_grace_seconds
    )
