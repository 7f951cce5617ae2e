"""The embedded NATS server with JetStream on disk. Called by `engines`; data in, an EngineSpec out.

`sync_interval: always` because JetStream otherwise acknowledges before it fsyncs, and an event that NATS
has acknowledged leaves its node's outbox.
"""

from __future__ import annotations

import json
import os

import nats.errors
from nats.aio.client import Client

from atoll.local import binaries
from atoll.local.engine_errors import NotReadyError
from atoll.local.engine_home import USER, EngineHome, check_listens
from atoll.local.ports import LOOPBACK
from atoll.local.process_spec import EngineSpec
from atoll.local.secrets_dir import write_private

# The machine is not its own. Go would collect garbage whenever its few MB have doubled, and wake a thread on
# every core to look for work: an eighth of what a message costs. Garbage may wait, up to the limit of memory.
_GO = {"GOGC": "400", "GOMEMLIMIT": "256MiB", "GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 2))}
_MAX_PAYLOAD = 1024 * 1024  # bytes; NATS's own default, written down because the bus counts on it


def nats_engine(home: EngineHome) -> EngineSpec:
    """Write the configuration and describe the process. Raises EngineError when there is no server."""
    config = home.path / "nats.conf"
    write_private(config, _config(home))
    url = f"nats://{USER}:{home.password}@{LOOPBACK}:{home.port}"
    return EngineSpec(
        name=home.name,
        argv=(binaries.nats_server(), "--config", str(config)),
        env={**home.env, **_GO},
        cwd=home.path,
        health=lambda: check_nats(url, home.port),
        log=home.log,
        url=url,
    )


def _config(home: EngineHome) -> str:
    """NATS's configuration language contains JSON, whose quoting leaves no doubts. No monitoring port."""
    return json.dumps(
        {
            "server_name": "atoll-local",
            "listen": f"{LOOPBACK}:{home.port}",
            "authorization": {"user": USER, "password": home.password},
            "max_payload": _MAX_PAYLOAD,
            "jetstream": {"store_dir": str(home.data), "sync_interval": "always"},
        },
        indent=2,
    )


async def check_nats(url: str, port: int) -> None:
    """Healthy when JetStream answers for our account. Raises NotReadyError."""
    await check_listens(port)
    client = Client()  # not nats.connect: a connection that is refused must be closed as well
    try:
        await client.connect(
            url,
            allow_reconnect=False,
            connect_timeout=2,
            max_reconnect_attempts=1,  # without these two it goes on for minutes even so
            reconnect_time_wait=0,
            error_cb=_ignore,
        )
        await client.jetstream(timeout=2).account_info()
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise NotReadyError(f"JetStream does not answer: {error!r}") from error
    finally:
        await client.close()


async def _ignore(error: Exception) -> None:
    """The driver reports each error here and raises it as well; the exception is enough."""
