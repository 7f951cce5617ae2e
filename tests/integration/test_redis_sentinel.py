"""Redis found through a real sentinel."""

from __future__ import annotations

import asyncio
import subprocess
from urllib.parse import urlsplit

import pytest
from lookup_stage import PATIENCE
from redis.exceptions import RedisError

from atoll.local import binaries
from atoll.local.ports import any_free_port
from query_service.redis_url import open_redis

pytestmark = pytest.mark.integration


@pytest.fixture
def sentinel(engines, tmp_path):
    """The port of a sentinel that watches the shared Valkey as `main`."""
    server, port = urlsplit(engines.urls.redis), any_free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass of-the-sentinel\ndir {tmp_path}\n"
        f"sentinel monitor main 127.0.0.1 {server.port} 1\nsentinel auth-pass main {server.password}\n"
    )
    log = (tmp_path / "sentinel.log").open("wb")
    process = subprocess.Popen([binaries.valkey_server(), str(config), "--sentinel"], stdout=log, stderr=log)
    yield port
    process.kill()
    process.wait()
    log.close()


async def test_the_server_is_found_through_the_sentinels_that_answer(engines, sentinel):
    password = urlsplit(engines.urls.redis).password
    hosts = f"127.0.0.1:{any_free_port()},127.0.0.1:{sentinel}"  # one of them is away
    url = f"redis+sentinel://:{password}@{hosts}/main/0?sentinel_password=of-the-sentinel"
    redis = open_redis(url, "test", 2, 4)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert await redis.set("sentinel-test", b"here")
                break
            except (RedisError, OSError):  # the sentinel has only just started
                await asyncio.sleep(0.05)
    direct = open_redis(engines.urls.redis, "test", 2, 1)
    assert await direct.getdel("sentinel-test") == b"here"
    await redis.aclose()
    await direct.aclose()
