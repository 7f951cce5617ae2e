"""The live cluster map on real NATS: shared, cached, refused when forged, put back after a wipe."""

from __future__ import annotations

import asyncio
import contextlib

import nats
import pytest
from bus_settings import DEADLINE, settings_for, until
from nats.js.kv import KeyValue

from atoll.bucket import Bucket
from atoll.bus import Bus, BusUnavailable
from atoll.cluster import seal_entry
from atoll.cluster_map import BUCKET, LiveClusterMap
from atoll.errors import Conflict
from atoll.lifecycle import cancel_and_wait
from atoll.model import Node, Region, ReplicaSet
from atoll.signing import Keys

pytestmark = pytest.mark.integration

KEYS = Keys(b"k" * 32)
EU = Region("eu", 50, 8)
US = Region("us", 40, -75)
EU_1 = Node("eu-1", "eu", "s1", "http://eu-1.test")
US_1 = Node("us-1", "us", "s1", "http://us-1.test")
ENTRIES = (EU, US, EU_1, US_1, ReplicaSet("s1"), Bucket("photos"))


@contextlib.asynccontextmanager
async def live_map(tmp_path, url, name="a", keys=KEYS):
    """A daemon's map: loaded from its copy, then followed."""
    async with Bus(settings_for(tmp_path, url)).opened() as bus:
        live = LiveClusterMap(bus, keys, tmp_path / name, domain=None, replicas=1)
        await live.load()
        following = asyncio.create_task(live.run())
        try:
            yield live
        finally:
            await cancel_and_wait([following])


async def persistently(act):
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await act()
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def put_all(live, entries=ENTRIES):
    for entry in entries:
        await persistently(lambda entry=entry: live.put(entry))


async def has(live, *names):
    async with asyncio.timeout(DEADLINE):
        return await live.wait_for(lambda m: set(names) <= m.nodes.keys())


@pytest.fixture
async def raw(own_nats):
    """The bucket as somebody with access to NATS alone sees it."""

    async def quiet(error):
        """Errors of a server that a test stops on purpose."""

    client = await nats.connect(
        own_nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet
    )
    yield client.jetstream()
    await client.close()


async def test_what_one_daemon_writes_all_see(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "a") as a, live_map(tmp_path, own_nats.url, "b") as b:
        await put_all(a)
        for live in (a, b):
            await has(live, "eu-1", "us-1")
            await until(lambda live=live: "photos" in live.current.buckets)
        assert a.current.regions == b.current.regions == {"eu": EU, "us": US}


async def test_a_change_and_a_removal_reach_everybody(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "a") as a, live_map(tmp_path, own_nats.url, "b") as b:
        await put_all(a)
        await has(b, "eu-1", "us-1")
        maps = []
        b.on_change(maps.append)
        await a.put(Node("eu-1", "eu", "s1", "http://moved.test"))
        await until(lambda: b.current.nodes["eu-1"].url == "http://moved.test")
        await a.remove(US_1)
        await until(lambda: "us-1" not in b.current.nodes and "us-1" not in a.current.nodes)
        assert "us-1" in maps[0].nodes  # a snapshot never changes
        assert maps[-1] is b.current


async def test_a_name_is_taken_once(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url) as live:
        await persistently(lambda: live.put(EU_1, only_if_absent=True))
        with pytest.raises(Conflict, match=r"node\.eu-1"):
            await live.put(Node("eu-1", "us", "s1", "http://thief.test"), only_if_absent=True)
        await live.remove(EU_1)
        await live.put(EU_1, only_if_absent=True)


async def test_the_copy_on_disk_is_enough_to_start_with_nats_down(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await until(lambda: len(live.current.nodes) == 2 and live.current.buckets)
    own_nats.stop()
    async with live_map(tmp_path, own_nats.url) as live:
        assert live.current.nodes == {"eu-1": EU_1, "us-1": US_1}
        assert live.current.buckets == {"photos": Bucket("photos")}
        with pytest.raises(BusUnavailable):
            await live.put(EU)
        with pytest.raises(BusUnavailable):
            await live.remove(EU)


async def test_what_changed_while_a_daemon_was_away_is_seen_when_it_is_back(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "a") as a:
        await put_all(a)
        async with live_map(tmp_path, own_nats.url, "b") as b:
            await has(b, "eu-1", "us-1")
        await a.remove(US_1)
        await a.put(Node("au-1", "eu", "s1", "http://au-1.test"))
        async with live_map(tmp_path, own_nats.url, "b") as b:
            assert "us-1" in b.current.nodes  # from the copy
            await has(b, "au-1")
            assert "us-1" not in b.current.nodes


FORGERIES = {
    "node.evil-1": seal_entry(Node("evil-1", "eu", "s1", "http://evil.test"), Keys(b"x" * 32)),
    "node.evil-2": b'{"seal": "", "entry": {"name": "evil-2"}}',
    "node.evil-3": b"\xff\x00 no JSON",
    "node.evil-4": b"",
    "node.evil-5": seal_entry(EU_1, KEYS),
    "planet.mars": b"{}",
}


async def test_forged_entries_are_refused_and_counted_and_do_no_harm(own_nats, tmp_path, raw):
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await until(lambda: len(live.current.nodes) == 2 and live.current.buckets)
        bucket = await raw.key_value(BUCKET)
        for key, value in FORGERIES.items():
            await bucket.put(key, value)
        await until(lambda: live.bad_entries >= len(FORGERIES))
        await live.put(ReplicaSet("s2"))
        await until(lambda: "s2" in live.current.sets)
        assert live.current.nodes == {"eu-1": EU_1, "us-1": US_1}
        assert live.bad_entries == len(FORGERIES)  # each counted once, not at every later change
    async with live_map(tmp_path, own_nats.url, "fresh") as fresh:
        await has(fresh, "eu-1", "us-1")
        assert fresh.current.nodes == {"eu-1": EU_1, "us-1": US_1}
        await until(lambda: fresh.bad_entries == len(FORGERIES))


async def test_a_forgery_over_a_real_entry_does_not_take_the_node_away(own_nats, tmp_path, raw):
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await has(live, "eu-1", "us-1")
        bucket = await raw.key_value(BUCKET)
        await bucket.put("node.eu-1", FORGERIES["node.evil-1"])
        await until(lambda: live.bad_entries)
        assert live.current.nodes["eu-1"] == EU_1
    own_nats.stop()
    async with live_map(tmp_path, own_nats.url) as live:
        assert live.current.nodes["eu-1"] == EU_1


async def test_a_map_sealed_with_another_secret_is_no_map(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "a") as a:
        await put_all(a)
        await has(a, "eu-1")
        async with live_map(tmp_path, own_nats.url, "b", Keys(b"x" * 32)) as b:
            await until(lambda: b.bad_entries == len(ENTRIES))
            assert not b.current.nodes


async def test_the_map_goes_on_after_a_restart_of_nats(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "a") as a, live_map(tmp_path, own_nats.url, "b") as b:
        await put_all(a)
        await has(b, "eu-1", "us-1")
        own_nats.kill()
        own_nats.start()
        await persistently(lambda: a.put(Node("au-1", "eu", "s1", "http://au-1.test")))
        await has(a, "au-1")
        await has(b, "au-1", "eu-1", "us-1")


async def test_a_wiped_jetstream_gets_its_entries_back_from_the_copies(own_nats, tmp_path, raw):
    async with live_map(tmp_path, own_nats.url, "a") as a, live_map(tmp_path, own_nats.url, "b") as b:
        await put_all(a)
        for live in (a, b):
            await until(lambda live=live: len(live.current.nodes) == 2 and live.current.buckets)
        own_nats.stop()
        own_nats.wipe()
        own_nats.start()
        await until_in_bucket(
            raw, {"region.eu", "region.us", "node.eu-1", "node.us-1", "set.s1", "bucket.photos"}
        )
        assert a.current.nodes == b.current.nodes == {"eu-1": EU_1, "us-1": US_1}
        await persistently(lambda: a.put(Node("au-1", "eu", "s1", "http://au-1.test")))
        await has(b, "au-1", "eu-1", "us-1")


async def until_in_bucket(raw, wanted):
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(nats.js.errors.Error, nats.errors.Error, TimeoutError):
                if wanted <= set(await (await raw.key_value(BUCKET)).keys()):
                    return
            await asyncio.sleep(0.05)


async def test_entries_are_put_back_by_a_daemon_that_was_down_at_the_wipe(own_nats, tmp_path, raw):
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await until(lambda: len(live.current.nodes) == 2 and live.current.buckets)
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    async with live_map(tmp_path, own_nats.url) as live:
        await until_in_bucket(raw, {"node.eu-1", "node.us-1", "bucket.photos"})
        assert live.current.nodes == {"eu-1": EU_1, "us-1": US_1}


async def test_what_was_put_back_never_overwrites_what_somebody_wrote_since(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url, "old") as old:
        await put_all(old)
        await until(lambda: len(old.current.nodes) == 2 and old.current.buckets)
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    moved = Node("eu-1", "eu", "s1", "http://moved.test")
    async with live_map(tmp_path, own_nats.url, "new") as new:
        await persistently(lambda: new.put(moved))
        async with live_map(tmp_path, own_nats.url, "old") as old:
            await until(lambda: old.current.nodes["eu-1"] == moved)
            await has(new, "us-1")
            assert new.current.nodes["eu-1"] == moved


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"entries": 5}', b"\xff"])
async def test_an_unreadable_copy_is_ignored_and_said(own_nats, tmp_path, caplog, body):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cluster_map.json").write_bytes(body)
    async with live_map(tmp_path, own_nats.url) as live:
        assert live.current.nodes == {}
        assert "unreadable" in caplog.text
        await persistently(lambda: live.put(EU_1))
        await has(live, "eu-1")


async def test_a_forged_copy_on_disk_is_refused_too(own_nats, tmp_path):
    own_nats.stop()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cluster_map.json").write_bytes(
        b'{"made": "", "entries": {"node.evil-1": ' + FORGERIES["node.evil-1"] + b"}}"
    )
    async with live_map(tmp_path, own_nats.url) as live:
        assert live.current.nodes == {}
        assert live.bad_entries == 1


async def test_it_knows_whether_the_bucket_itself_was_read(own_nats, tmp_path):
    async with live_map(tmp_path, own_nats.url) as live:
        await asyncio.wait_for(live.synced(), DEADLINE)


async def test_a_full_disk_does_not_keep_a_new_map_from_the_daemon(own_nats, tmp_path, caplog):
    (tmp_path / "a").write_text("a file where the directory should be")
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await has(live, "eu-1", "us-1")
        assert "cannot be written" in caplog.text


async def test_a_snapshot_that_ends_before_its_entries_came_takes_nothing_away(
    own_nats, tmp_path, monkeypatch
):
    """The library may mark the end too early; what the copy knows is then asked for by name."""
    async with live_map(tmp_path, own_nats.url) as live:
        await put_all(live)
        await has(live, "eu-1", "us-1")
        await live.wait_for(lambda now: "photos" in now.buckets)
    early = KeyValue.watchall

    async def ends_at_once(bucket, **kwargs):
        watcher = await early(bucket, **kwargs)
        watcher._updates = asyncio.Queue()
        watcher._updates.put_nowait(None)
        return watcher

    monkeypatch.setattr(KeyValue, "watchall", ends_at_once)
    async with live_map(tmp_path, own_nats.url) as live:
        seen = []
        live.on_change(lambda now: seen.append(set(now.nodes)))
        await live.synced()
        assert set(live.current.nodes) == {"eu-1", "us-1"}
        assert all(nodes == {"eu-1", "us-1"} for nodes in seen)
        assert set(live.current.buckets) == {"photos"}
