"""The shipped NATS of three regions, for real: one is cut off, both sides go on, all converge."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from bus_settings import DEADLINE, settings_for, until
from how_long import LONG
from nats_regions import NAMES, PASSWORDS, Regions, ShippedNats, write_certificates

from atoll import events, jobs
from atoll.bus import Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from atoll.events import BlobDeleted, heartbeat_subject, seal_event, subject_of
from atoll.ids import new_id, now_ms
from atoll.job_stream import ensure_job_stream, put_task, remove_job
from atoll.jobs import JobItem, LookWork, Task
from atoll.join_book import JoinBook
from atoll.lifecycle import cancel_and_wait
from atoll.local.ports import LOOPBACK, free_ports
from atoll.model import Node, Region
from atoll.signing import Keys
from atoll.streams import Consumer, ensure_stream
from query_service.lease import UpkeepNotes

pytestmark = pytest.mark.integration

KEYS = Keys(b"k" * 32)
EU, US, AP = NAMES
HOME = EU
PLACES = {name: Region(name, 10.0 * at, 20.0, name) for at, name in enumerate(NAMES)}


class Side:
    """What a daemon in one region has of the bus."""

    def __init__(self, region, bus, live):
        self.place, self.bus, self.map = PLACES[region], bus, live

    async def publish(self):
        """One event into the own region's stream; its id once it is acknowledged."""
        event = BlobDeleted(
            new_id(), now_ms(), "n-1", self.place.name, "s1", "photos", "a" * 64, "jpg", "test"
        )
        body, headers = seal_event(event, KEYS)
        await self.bus.publish_kept(subject_of(event), body, headers, self.place.jetstream_domain)
        return event.id

    def reader(self, region, durable):
        return Consumer(
            self.bus, PLACES[region], durable, [f"atoll.{region}.blob.>"], max_ack_pending=100, ack_wait=2
        )


async def read(consumer, wanted):
    """The ids of the events that came, in order, until all of `wanted` are there."""
    found = []
    async with asyncio.timeout(DEADLINE):
        while not set(wanted) <= set(found):
            try:
                for message in await consumer.fetch(50, 0.5):
                    event = events.open_event(message.subject, message.data, message.headers, KEYS)
                    found.append(event.id)
                    await message.ack()
            except BusUnavailable:
                await asyncio.sleep(0.05)
    return found


async def acked(consumer):
    """Nothing waits for an ack: one under way when a region is cut off is lost, and its event comes again."""
    async with asyncio.timeout(DEADLINE):
        while await consumer.backlog():  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(0.02)


async def persistently(act):
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await act()
            except BusUnavailable:
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def side(regions, region, directory, home=HOME):
    settings = settings_for(directory, regions.url(region), nats_tls_ca_file=regions.ca)
    async with Bus(settings).opened() as bus:
        await bus.wait_connected()
        live = LiveClusterMap(bus, KEYS, directory / region, domain=home, replicas=1)
        await live.load()
        following = asyncio.create_task(live.run())
        try:
            yield Side(region, bus, live)
        finally:
            await cancel_and_wait([following])


@contextlib.asynccontextmanager
async def three_sides(regions, directory):
    async with contextlib.AsyncExitStack() as stack:
        sides = [await stack.enter_async_context(side(regions, name, directory)) for name in NAMES]
        for one in sides:
            await persistently(lambda one=one: one.map.put(one.place, only_if_absent=True))
            await persistently(lambda one=one: ensure_stream(one.bus, one.place, 1, 1))
        for one in sides:
            await until(lambda one=one: set(NAMES) <= one.map.current.regions.keys(), "all regions known")
        yield sides


async def test_a_region_that_is_cut_off_goes_on_and_all_converge_after(tmp_path):
    async with Regions(tmp_path) as regions, three_sides(regions, tmp_path) as (eu, us, ap):
        to_eu, to_us = eu.reader(US, "eu-reads"), us.reader(EU, "us-reads")
        before = [await us.publish(), await eu.publish()]
        assert await read(to_eu, before[:1]) == before[:1]
        assert await read(to_us, before[1:]) == before[1:]
        await acked(to_eu)
        await acked(to_us)
        heard = await heartbeats(ap, EU)

        await regions.cut_off(US)
        cut_us = [await persistently(us.publish) for _ in range(20)]
        cut_eu = [await persistently(eu.publish) for _ in range(20)]
        # In the cut-off region even what was never there before can be made: nobody elsewhere is asked.
        own = us.reader(US, "us-made-while-cut-off")
        assert await read(own, [*before[:1], *cut_us]) == [*before[:1], *cut_us]
        in_vain = asyncio.create_task(us.map.put(Node("us-2", US, "s1", "http://us-2.test")))
        await persistently(lambda: eu.map.put(Node("eu-2", EU, "s1", "http://eu-2.test")))
        await until(lambda: "eu-2" in ap.map.current.nodes, "the rest hears of a new node")
        assert "eu-2" not in us.map.current.nodes
        assert set(us.map.current.regions) == set(NAMES)
        with pytest.raises(BusUnavailable):  # after its deadline: no server there says that nobody listens
            await in_vain
        await eu.bus.publish(heartbeat_subject(EU, "eu-2"), b"")
        await until(lambda: heard, "heartbeats among the others")

        regions.mend()
        assert sorted(await read(to_eu, cut_us)) == sorted(cut_us)
        assert sorted(await read(to_us, cut_eu)) == sorted(cut_eu)
        us.map._reopen.set()  # it looks anew each minute; a test does not wait so long
        await until(lambda: "eu-2" in us.map.current.nodes, "the map comes back")
        await persistently(lambda: us.map.put(Node("us-2", US, "s1", "http://us-2.test")))
        await until(lambda: "us-2" in eu.map.current.nodes)


async def tasks_cross_regions(asks, does):
    """A task that one region puts into another one's queue, seen there."""
    region = does.place
    await persistently(lambda: ensure_job_stream(does.bus, region, 1))
    work = LookWork("photos", (JobItem(new_id(), "cat", f"s1/{'a' * 64}.jpg"),))
    task = Task(new_id(), new_id(), 0, region.name, "s1", now_ms(), work)
    await persistently(lambda: put_task(asks.bus, region, task, KEYS))
    subjects, stream = jobs.stream_subjects(region.name), jobs.stream_of(region.name)
    queue = Consumer(does.bus, region, "processors", subjects, max_ack_pending=10, stream=stream)
    (message,) = await persistently(lambda: queue.fetch(1, 5.0))
    assert message.subject == task.subject
    return task


async def heartbeats(one, region):
    heard = []

    async def hear(message):
        heard.append(message)

    await one.bus.subscribe(f"atoll.heartbeat.{region}.*", hear)
    await one.bus.flush()
    return heard


async def test_what_is_shared_is_written_from_any_region_and_moves_when_its_home_is_lost(tmp_path):
    async with Regions(tmp_path) as regions:
        async with three_sides(regions, tmp_path) as (eu, us, ap):
            moved = await persistently(
                lambda: us.map.change(PLACES[AP], lambda now: msgspec.structs.replace(now, lat=1.35))
            )
            await until(lambda: eu.map.current.regions[AP] == moved, "a change from afar")
            task = await tasks_cross_regions(eu, us)
            await remove_job(eu.bus, PLACES[US], task.job)
            book = JoinBook(us.bus, KEYS, domain=HOME, replicas=1)
            assert await persistently(lambda: book.invite("us-9", US, "s1", now_ms() + 60_000))
            notes = UpkeepNotes(us.bus, HOME, 1), UpkeepNotes(ap.bus, HOME, 1)
            assert await persistently(lambda: notes[0].take("expiry", "us", now_ms(), now_ms() + 60_000))
            assert not await persistently(lambda: notes[1].take("expiry", "ap", now_ms(), now_ms() + 60_000))
            await until(lambda: us.map.current.regions[AP] == moved, "it knows the map that it must keep")
        for kind in ("gate", "nats"):
            regions.servers[f"{kind}-{HOME}"].stop()
        # What docs/disaster-recovery.md says: name another home, start again. Copies on disk fill it.
        async with side(regions, US, tmp_path, home=US) as us, side(regions, AP, tmp_path, home=US) as ap:
            await until(lambda: us.map.current.regions.get(AP) == moved, "put back")
            await persistently(lambda: ap.map.put(Node("ap-2", AP, "s1", "http://ap-2.test")))
            await until(lambda: "ap-2" in us.map.current.nodes, "the new home takes writes")


async def test_three_servers_that_are_one_cluster_keep_three_copies_of_a_stream(tmp_path):
    tls = write_certificates(tmp_path)
    ports = free_ports(6)
    routes = {f"ROUTE_{n}": f"nats-route://{LOOPBACK}:{port}" for n, port in enumerate(ports[3:], 1)}
    servers = [
        ShippedNats(
            f"nats-{n}",
            "one-cluster.conf",
            {
                **PASSWORDS,
                **tls,
                **routes,
                "SERVER_NAME": f"nats-{n}",
                "NATS_LISTEN": f"{LOOPBACK}:{ports[n]}",
                "ROUTE_LISTEN": f"{LOOPBACK}:{ports[3 + n]}",
                "NATS_STORE": str(tmp_path / f"store-{n}"),
            },
            tmp_path,
        )
        for n in range(3)
    ]
    place = Region("eu", 1, 2)
    urls = ",".join(f"tls://atoll:{PASSWORDS['NATS_PASSWORD']}@{LOOPBACK}:{port}" for port in ports[:3])
    try:
        for server in servers:
            server.start()
        async with Bus(settings_for(tmp_path, urls, nats_tls_ca_file=tls["TLS_CA"])).opened() as bus:
            await bus.wait_connected()
            await persistently(lambda: ensure_stream(bus, place, 1, 3))
            reader = Consumer(bus, place, "r", ["atoll.eu.blob.>"], max_ack_pending=10)
            first = await persistently(lambda: publish_into(bus, place))
            assert await read(reader, [first]) == [first]
            info = await bus.jetstream().stream_info(events.stream_of("eu"))
            assert info.config.num_replicas == 3
            if LONG:  # another leader is chosen: some seconds
                servers[0].stop()
                second = await persistently(lambda: publish_into(bus, place))
                assert second in await read(reader, [second])
    finally:
        for server in servers:
            server.stop()


async def publish_into(bus, place):
    event = BlobDeleted(new_id(), now_ms(), "n-1", place.name, "s1", "photos", "a" * 64, "jpg", "test")
    body, headers = seal_event(event, KEYS)
    await bus.publish_kept(subject_of(event), body, headers)
    return event.id
