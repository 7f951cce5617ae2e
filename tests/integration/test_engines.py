"""The embedded engines: real servers, authenticated, restarted, durable, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import nats
import nats.errors
import psutil
import pymongo
import pymongo.errors
import pytest
import redis
import redis.exceptions

from atoll.local import binaries
from atoll.local.engine_errors import EngineError
from atoll.local.engines import GivenUrls, LocalEngines

pytestmark = pytest.mark.integration

NAMES = ("nats", "valkey", "mongodb")
DEADLINE = 30.0


def mongo(url):
    client = pymongo.MongoClient(url, serverSelectionTimeoutMS=3000)
    return contextlib.closing(client)


async def _quiet(error):
    pass


@contextlib.asynccontextmanager
async def connect_nats(url):
    client = nats.NATS()
    try:
        await client.connect(url, allow_reconnect=False, connect_timeout=5, error_cb=_quiet)
        yield client
    finally:
        await client.close()  # a connection that is refused must be closed as well


def without_password(url):
    parts = urlsplit(url)
    query = parts.query.replace("authSource=admin&", "")  # would mean a user
    return parts._replace(netloc=f"{parts.hostname}:{parts.port}", query=query).geturl()


def with_wrong_password(url):
    return url.replace(urlsplit(url).password, "wrong-password")


@pytest.mark.parametrize("spoil", [without_password, with_wrong_password])
async def test_nats_refuses_who_does_not_know_the_password(engines, spoil):
    with pytest.raises(nats.errors.Error, match="Authorization"):
        async with connect_nats(spoil(engines.urls.nats)):
            pass


@pytest.mark.parametrize("spoil", [without_password, with_wrong_password])
def test_valkey_refuses_who_does_not_know_the_password(engines, spoil):
    with (
        contextlib.closing(redis.Redis.from_url(spoil(engines.urls.redis))) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.get("key")


ACTS = {
    "read": lambda client: client.x.y.find_one(),
    "write": lambda client: client.x.y.insert_one({}),
    "create user": lambda client: client.admin.command("createUser", "mallory", pwd="x", roles=["root"]),
}


@pytest.mark.parametrize("spoil", [without_password, with_wrong_password])
@pytest.mark.parametrize("act", ACTS)
def test_the_mongodb_stand_in_refuses_who_does_not_know_the_password(engines, spoil, act):
    # A wrong password shows as an authentication failure, or as no server found because of one.
    url = spoil(engines.urls.mongodb) + "&serverSelectionTimeoutMS=300"
    with (
        contextlib.closing(pymongo.MongoClient(url)) as client,
        pytest.raises(pymongo.errors.PyMongoError, match="authenticat"),
    ):
        ACTS[act](client)


async def test_with_the_password_all_three_work(engines, mongo_database):
    async with connect_nats(engines.urls.nats) as client:
        assert (await client.jetstream().account_info()).limits is not None
    with contextlib.closing(redis.Redis.from_url(engines.urls.redis)) as cache:
        cache.set("key", "value", ex=60)
        assert cache.get("key") == b"value"
    with mongo(engines.urls.mongodb) as client:
        client[mongo_database].things.insert_one({"_id": 1})
        assert client[mongo_database].things.find_one() == {"_id": 1}


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_listens_on_loopback_only(engines, name):
    process = psutil.Process(engines.status(name).pid)
    listening = [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


@pytest.mark.parametrize("name", NAMES)
def test_no_password_is_seen_in_the_list_of_processes_or_in_its_environment(engines, name):
    url = {"nats": engines.urls.nats, "valkey": engines.urls.redis, "mongodb": engines.urls.mongodb}[name]
    process = psutil.Process(engines.status(name).pid)
    seen = " ".join([*process.cmdline(), *process.environ().values()])
    assert urlsplit(url).password not in seen
    assert urlsplit(url).password not in repr(engines.urls)


def test_the_bus_does_not_take_the_whole_machine(engines):
    environment = psutil.Process(engines.status("nats").pid).environ()
    assert environment["GOMEMLIMIT"] == "256MiB"  # garbage may wait, but only so long
    assert 1 <= int(environment["GOMAXPROCS"]) <= max(1, (os.cpu_count() or 1) // 2)


def test_the_cache_is_bounded_and_writes_nothing_to_disk(engines):
    with contextlib.closing(redis.Redis.from_url(engines.urls.redis, decode_responses=True)) as cache:
        assert cache.config_get("maxmemory") == {"maxmemory": str(128 * 1024 * 1024)}
        assert cache.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert cache.config_get("appendonly") == {"appendonly": "no"}
        assert cache.config_get("save") == {"save": ""}


async def publish_and_insert(urls, count):
    async with connect_nats(urls.nats) as client:
        await client.jetstream().add_stream(name="S", subjects=["s.>"])
        for number in range(count):
            await client.jetstream().publish("s.x", str(number).encode())
    with mongo(urls.mongodb) as documents:
        documents.x.y.insert_many([{"_id": number} for number in range(count)])


async def counts(urls):
    async with connect_nats(urls.nats) as client:
        messages = (await client.jetstream().stream_info("S")).state.messages
    with mongo(urls.mongodb) as documents:
        return messages, documents.x.y.count_documents({})


async def test_killed_engines_come_back_by_themselves_with_all_that_was_acknowledged(fresh_engines):
    await publish_and_insert(fresh_engines.urls, 20)
    pids = {name: fresh_engines.status(name).pid for name in NAMES}
    for name in NAMES:
        fresh_engines.kill(name)
    for name in NAMES:
        fresh_engines.wait_ready(name, DEADLINE)
        status = fresh_engines.status(name)
        assert status.pid != pids[name]
        assert (status.restarts, status.last_exit) == (1, -9)
    assert await counts(fresh_engines.urls) == (20, 20)


async def test_the_next_start_on_the_same_directory_has_the_same_urls_and_data(tmp_path):
    async with LocalEngines(tmp_path) as engines:
        urls = engines.urls
        await publish_and_insert(urls, 5)
        pids = [status.pid for status in engines.statuses()]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    async with LocalEngines(tmp_path) as engines:
        assert engines.urls == urls
        assert await counts(urls) == (5, 5)


async def test_a_lost_password_of_the_stand_in_is_replaced_and_the_old_one_refused(tmp_path):
    given = GivenUrls(nats="nats://elsewhere:4222", redis="redis://elsewhere:6379")
    async with LocalEngines(tmp_path, given=given) as engines:
        old = engines.urls.mongodb
        with mongo(old) as client:
            client.x.y.insert_one({"_id": 1})
    (tmp_path / "secrets" / "mongodb-password").unlink()
    async with LocalEngines(tmp_path, given=given) as engines:
        with mongo(engines.urls.mongodb) as client:
            assert client.x.y.find_one() == {"_id": 1}
        with mongo(old) as client, pytest.raises(pymongo.errors.PyMongoError, match="authenticat"):
            client.x.y.find_one()


async def test_an_engine_whose_url_is_given_is_not_started(tmp_path):
    given = GivenUrls(nats="nats://a,nats://b", mongodb="mongodb://elsewhere/?replicaSet=rs")
    async with LocalEngines(tmp_path, given=given) as engines:
        assert [status.name for status in engines.statuses()] == ["valkey"]
        assert engines.urls.nats == "nats://a,nats://b"
        assert engines.urls.mongodb == "mongodb://elsewhere/?replicaSet=rs"
        with pytest.raises(EngineError, match="its URL was given"):
            await engines.nats.kill()


async def test_without_the_stand_in_the_way_out_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "has_mongo_stand_in", lambda: False)
    with pytest.raises(EngineError, match="give the URL of a MongoDB"):
        async with LocalEngines(tmp_path):
            pass


async def test_an_engine_that_cannot_start_takes_the_others_down_and_says_why(tmp_path):
    (tmp_path / "engines" / "nats").mkdir(parents=True)
    (tmp_path / "engines" / "nats" / "data").mkdir()
    (tmp_path / "engines" / "nats" / "data" / "jetstream").write_text("in the way")
    with pytest.raises(EngineError, match=r"(?s)nats ended at its start.*nats\.log"):
        async with LocalEngines(tmp_path, given=GivenUrls(mongodb="mongodb://elsewhere")):
            pass
    ours = [p for p in psutil.process_iter() if str(tmp_path) in " ".join(cmdline(p))]
    assert ours == []


def cmdline(process):
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


SUPERVISOR = """
import asyncio, json, sys
from pathlib import Path
from atoll.local.engines import LocalEngines

async def main(directory):
    async with LocalEngines(directory) as engines:
        print(json.dumps([status.pid for status in engines.statuses()]), flush=True)
        await asyncio.sleep(300)

asyncio.run(main(Path(sys.argv[1])))
"""


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_when_supervisor_and_guard_are_killed_together_no_engine_stays_either(tmp_path):
    argv = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        engines = json.loads(supervisor.stdout.readline())
        children = psutil.Process(supervisor.pid).children()
        (guard,) = [child for child in children if child.pid not in engines]
        guard.kill()
        supervisor.kill()
    deadline = time.monotonic() + DEADLINE
    while not all(gone(pid) for pid in engines):
        assert time.monotonic() < deadline, "they stay"
        time.sleep(0.02)


async def test_when_the_supervisor_is_killed_no_engine_stays_and_the_directory_can_be_used(tmp_path):
    argv = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        engines = json.loads(supervisor.stdout.readline())
        family = engines + [child.pid for child in psutil.Process(supervisor.pid).children()]
        supervisor.kill()
    assert len(set(family)) == 4  # three engines and the guard
    deadline = time.monotonic() + DEADLINE
    while not all(gone(pid) for pid in family):
        assert time.monotonic() < deadline, "they stay"
        await asyncio.sleep(0.02)
    async with LocalEngines(Path(tmp_path)) as again:
        assert all(status.ready for status in again.statuses())
