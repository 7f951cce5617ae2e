"""With no more rights than deploy/ grants, on a real Valkey and a MongoDB-wire server, all our code works."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import subprocess
import time
import uuid

import pymongo
import pytest
from import_graph import ROOT
from nats_regions import write_certificates
from redis.exceptions import NoPermissionError
from sample_events import buried, record, replicated, stored

from atoll.api_keys import ApiKey, ApiKeys
from atoll.backoff import Backoff
from atoll.cancelling import cancel_and_wait
from atoll.cli.__main__ import main
from atoll.cli.init_secrets import redis_acl
from atoll.cli.preflight import look_at_engines
from atoll.cli.preflight_engines import MONGODB_ACTIONS, look_at_redis
from atoll.cli.preflight_settings import Reach
from atoll.ids import new_id, now_ms
from atoll.local import binaries
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.settings import load
from atoll.signing import hash_api_key
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.circuit import Circuit
from query_service.hook_store import HookStore
from query_service.key_use import KeyUse
from query_service.mongo_driver import MongoDatabase
from query_service.redis_cache import RedisCache
from query_service.redis_url import open_redis
from query_service.render_log import RenderLog
from query_service.shared_redis import SharedRedis
from query_service.throttle import Throttle
from query_service.token_bucket import Rate

pytestmark = pytest.mark.integration
PASSWORD = "s3cret-of-a-test"
DEADLINE = 20.0


def used_key(name):
    keys = ApiKeys([ApiKey(name, hash_api_key("its secret"), frozenset({"read"}))])
    keys.check({"Authorization": "Bearer its secret"}, "read")
    return keys


def circuit():
    return Circuit(time.monotonic, Backoff(0.2, 2.0))


@pytest.fixture
def guarded_valkey(tmp_path):
    """A Valkey with the ACL that `atoll init` writes; its port."""
    port = any_free_port()
    (tmp_path / "users.acl").write_text(redis_acl(PASSWORD))
    argv = [
        binaries.valkey_server(),
        "--port",
        str(port),
        "--bind",
        LOOPBACK,
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with (tmp_path / "valkey.log").open("wb") as log:
        server = subprocess.Popen([*argv, "--aclfile", str(tmp_path / "users.acl")], stdout=log, stderr=log)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(DEADLINE)


@contextlib.asynccontextmanager
async def behind_tls(port, directory):
    """The URL of a relay that ends TLS before the server: the wheel's Valkey is built without."""
    files = write_certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["TLS_CERT"], files["TLS_KEY"])

    async def pump(reader, writer):
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def relay(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await asyncio.start_server(relay, LOOPBACK, 0, ssl=context)
    (socket,) = server.sockets
    yield f"rediss://atoll:{PASSWORD}@{LOOPBACK}:{socket.getsockname()[1]}/0?ssl_ca_certs={files['TLS_CA']}"
    server.close()


async def test_all_that_we_ask_of_redis_is_allowed_and_nothing_else(guarded_valkey, tmp_path):
    async with behind_tls(guarded_valkey, tmp_path) as url:
        redis, more = open_redis(url, "test", 2, 8), open_redis(url, "test", 2, 8)
        cache = RedisCache(
            redis, seconds=600, clock=time.monotonic, now_ms=now_ms, backoff=Backoff(0.01, 0.1)
        )
        keeping = asyncio.create_task(cache.run())
        async with asyncio.timeout(DEADLINE):
            await cache.wait_up()
        asset = record("cats/tom", 1000)
        await cache.put(cache.lease(), {asset.asset_id: CatalogAsset(asset, ())})
        assert asset.asset_id in (await cache.get([asset.asset_id])).assets
        assert await cache.invalidate([asset.asset_id])
        await cache.expect([asset.asset_id], 60)
        assert await cache.invalidate([asset.asset_id], came={})
        assert asset.asset_id in (await cache.get([asset.asset_id])).expected
        shared = SharedRedis(more, circuit())
        throttle = Throttle("key", Rate(100, 100), shared, time.monotonic, 2.0)
        await throttle.wait("somebody")
        renders = RenderLog(shared, 10, 1, now_ms)
        renders.note("key", asset.asset_id, "w_100")
        assert [one.transformation for one in await renders.last("key")] == ["w_100"]
        assert await KeyUse(used_key("shop"), shared, now_ms).last() != {}
        assert (await KeyUse(ApiKeys([]), shared, now_ms).last()).keys() == {"shop"}, "another instance's"
        assert shared.answers
        for forbidden in (
            ("KEYS", "*"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("GET", "another:key"),
            ("ACL", "LIST"),
        ):
            with pytest.raises(NoPermissionError):
                await more.execute_command(*forbidden)
        await throttle.close()
        await cancel_and_wait([keeping])
        await redis.aclose()
        await more.aclose()
        (tmp_path / "redis.url").write_text(url)
        (tmp_path / "redis.url").chmod(0o600)
        looks = await asyncio.to_thread(lambda: list(look_at_redis(tmp_path / "redis.url")))
        assert [look.level for look in looks] == ["ok", "ok"]


@pytest.fixture
def catalog_user(engines, mongo_database):
    """A user with the role of deploy/mongodb/users.js on the test's database; its URL."""
    text = (ROOT / "deploy" / "mongodb" / "users.js").read_text()
    (granted,) = re.findall(r"actions: \[(.*?)\]", text)
    actions = re.findall(r'"(\w+)"', granted)
    assert set(actions) == MONGODB_ACTIONS
    name = f"u{uuid.uuid4().hex[:8]}"
    privileges = [{"resource": {"db": mongo_database, "collection": ""}, "actions": actions}]
    with contextlib.closing(pymongo.MongoClient(engines.urls.mongodb)) as root:
        root.admin.command("createRole", name, privileges=privileges, roles=[])
        root.admin.command("createUser", name, pwd=PASSWORD, roles=[{"role": name, "db": "admin"}])
        yield re.sub("//[^@]*@", f"//{name}:{PASSWORD}@", engines.urls.mongodb)
        root.admin.command("dropUser", name)
        root.admin.command("dropRole", name)


async def test_the_catalog_needs_no_more_than_its_role_in_mongodb(catalog_user, mongo_database, tmp_path):
    mongo = MongoDatabase(catalog_user, mongo_database, "pymongo", "test")
    catalog = Catalog(mongo, circuit())
    await catalog.ensure_indexes()
    asset = record("cats/tom", 1000)
    await catalog.apply([stored(asset, 1000), replicated(asset, 1001, "us-1")])
    assert (await catalog.asset(asset.asset_id)).record == asset
    await catalog.apply([buried(asset, 2000)])
    assert await catalog.asset(asset.asset_id) is None
    hooks = HookStore(mongo, 60_000)
    await hooks.add({"_id": new_id(), "url": "https://x.test"})
    assert len(await hooks.all()) == 1
    with pytest.raises(pymongo.errors.OperationFailure):
        await mongo.collection("assets").drop()
    await mongo.close()


def listed(reaches):
    return list(look_at_engines(reaches))


async def test_preflight_looks_at_the_database_that_the_settings_name(catalog_user, mongo_database, tmp_path):
    assert main(["init", "query", "--region=eu-central", f"--to={tmp_path}", f"--data={tmp_path}"]) == 0
    for name, text in (("mongodb.url", catalog_user), ("redis.url", "redis://127.0.0.1:1/0")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    settings = tmp_path / "query_service.toml"
    settings.write_text(f'{settings.read_text()}mongodb_database = "{mongo_database}"\n')
    reach = load(Reach, settings, {}, partly=True)
    looks = [look for look in await asyncio.to_thread(listed, [reach]) if "MongoDB" in look.check]
    assert [mongo_database in look.found for look in looks if look.check == "MongoDB rights"] == [True]
    assert not [look for look in looks if look.level == "failed"]
