"""The canaries' key and bucket in the map of a real NATS: made once, kept, limited, and revoked for good."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from bus_settings import DEADLINE, settings_for
from hand_clock import HandClock
from msgspec.structs import replace

from atoll.bucket import Bucket
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Forbidden, Unavailable
from atoll.lifecycle import cancel_and_wait
from atoll.model import Region
from atoll.signing import Keys, hash_api_key
from monitor.canary_access import FILE, MAX_BYTES, CanaryAccess
from monitor.own_key import OwnKey

pytestmark = pytest.mark.integration

KEYS = Keys(b"k" * 32)
BUCKET = "atoll-canary"


@contextlib.asynccontextmanager
async def live_map(tmp_path, url):
    async with Bus(settings_for(tmp_path, url)).opened() as bus:
        live = LiveClusterMap(bus, KEYS, tmp_path / "map", domain=None, replicas=1)
        following = asyncio.create_task(live.run())
        try:
            await bus.wait_connected()
            await live.put(Region("eu", 50, 8))
            yield live
        finally:
            await cancel_and_wait([following])


def access_of(live, directory, name="monitor-1", own_key=None):
    return CanaryAccess(live, BUCKET, name, directory, HandClock(), own_key)


async def known(live, name, secret):
    async with asyncio.timeout(DEADLINE):
        digest = hash_api_key(secret)
        cluster = await live.wait_for(lambda now: name in now.keys and now.keys[name].sha256 == digest)
    return cluster.keys[name]


async def test_a_key_and_a_bucket_are_made_once_and_reach_nothing_else(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        secret = await access_of(live, tmp_path / "m").ready()
        key = await known(live, "canary-monitor-1", secret)
        assert (key.buckets, key.prefixes) == ((BUCKET,), ("canary/",))
        assert "admin" not in key.scopes
        bucket = live.current.buckets[BUCKET]
        assert (bucket.visibility, bucket.max_bytes, bucket.allowed) == ("private", MAX_BYTES, ("png",))
        assert bucket.quota.bytes
        assert ((tmp_path / "m" / FILE).stat().st_mode & 0o077) == 0
        assert await access_of(live, tmp_path / "m").ready() == secret
        assert live.current.keys["canary-monitor-1"] == key


async def test_several_who_ask_for_a_key_at_once_get_the_same_one(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        key = OwnKey(live, "scale-monitor-1", tmp_path / "scale.key", HandClock(), ("read", "admin"))
        assert len(set(await asyncio.gather(*(key.ready() for _ in range(5))))) == 1
        assert live.current.keys["scale-monitor-1"].scopes == ("read", "admin")


async def test_a_key_that_cannot_be_kept_is_said_and_nothing_worse(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        (tmp_path / "file").touch()
        key = OwnKey(live, "scale-monitor-1", tmp_path / "file" / "scale.key", HandClock(), ("read",))
        with pytest.raises(Unavailable, match="cannot be kept"):
            await key.ready()
        assert live.current.keys == {}


async def test_two_monitors_have_a_key_each_and_a_bucket_that_is_there_is_left_alone(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        await live.put(Bucket(BUCKET, visibility="private", max_bytes=5))
        async with asyncio.timeout(DEADLINE):
            await live.wait_for(lambda now: BUCKET in now.buckets)
        one = await access_of(live, tmp_path / "m1").ready()
        other = await access_of(live, tmp_path / "m2", "monitor-2").ready()
        assert one != other
        await known(live, "canary-monitor-2", other)
        assert live.current.buckets[BUCKET].max_bytes == 5


async def test_a_lost_state_directory_means_a_new_secret_and_the_old_one_is_refused(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        lost = await access_of(live, tmp_path / "m").ready()
        await known(live, "canary-monitor-1", lost)
        found = await access_of(live, tmp_path / "new").ready()
        key = await known(live, "canary-monitor-1", found)
        assert found != lost
        assert key.rotated_at is not None
        assert key.previous is None


async def test_a_revoked_key_stays_revoked_and_no_canary_flies(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        key = await known(live, "canary-monitor-1", await access_of(live, tmp_path / "m").ready())
        await live.change(key, lambda now: replace(now, revoked_at=1))
        async with asyncio.timeout(DEADLINE):
            await live.wait_for(lambda now: now.keys["canary-monitor-1"].revoked_at == 1)
        with pytest.raises(Forbidden):
            await access_of(live, tmp_path / "m").ready()
        with pytest.raises(Forbidden):
            await access_of(live, tmp_path / "elsewhere").ready()


async def test_an_operators_own_key_is_used_and_no_other_made(tmp_path, own_nats):
    async with live_map(tmp_path, own_nats.url) as live:
        assert await access_of(live, tmp_path / "m", own_key="atoll_mine").ready() == "atoll_mine"
        assert not (tmp_path / "m" / FILE).exists()
        assert live.current.keys == {}
