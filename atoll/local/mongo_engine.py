"""The embedded stand-in for MongoDB: SecantusDB, beta, for demo and tests, **never for production**.

A process of its own that speaks MongoDB's wire protocol. Called by `engines`; data in, an EngineSpec out.
A real MongoDB is used by giving its URL; then nothing of this runs, and where the stand-in cannot be
installed (Python 3.14, Intel Macs) that is the only way.

Three of its habits decide the settings: without `--sync-on-commit` it loses acknowledged documents when it is
killed; with retryable writes its retry table makes every write several times slower; and as a replica set of
one it writes each document a second time, into an oplog for change streams, which nobody here reads.

It is stopped by SIGKILL: what it acknowledged it has synced, and an orderly end only waits two seconds for a
thread of its own that hears nothing.

It has no way to make the first user while it asks for passwords. So at the first start it runs without, for
a second, on a loopback port that nobody knows, and the user is made there (`mongo_user`).
"""

from __future__ import annotations

import signal
import sys
from functools import partial

import pymongo
import pymongo.errors

from atoll.local import binaries
from atoll.local.engine_errors import EngineError, NotReadyError
from atoll.local.engine_home import USER, EngineHome, check_listens
from atoll.local.mongo_user import ensure_user
from atoll.local.ports import LOOPBACK
from atoll.local.process_spec import EngineSpec
from atoll.local.secrets_dir import write_private

_OPTIONS = "authSource=admin&retryWrites=false&directConnection=true"
_CACHE = "256M"  # its own default is 1 GB
# The catalog is an index and may wait; the nodes and their couriers, on the same few cores, may not.
_NICENESS = 5
_MISSING = (
    "the MongoDB stand-in (secantusdb) is not installed; it has no wheel for Python 3.14 and Intel Macs. "
    "Install 'atoll[local]' on Python 3.11 to 3.13, or give the URL of a MongoDB"
)


def mongo_engine(home: EngineHome) -> EngineSpec:
    """Write the configuration and describe the process. Raises EngineError when it is not installed."""
    if not binaries.has_mongo_stand_in():
        raise EngineError(_MISSING)
    # An empty file of ours: without --config it would read one from the home directory or from /etc.
    write_private(home.path / "secantusd.toml", "")
    url = f"mongodb://{USER}:{home.password}@{LOOPBACK}:{home.port}/?{_OPTIONS}"
    return EngineSpec(
        name=home.name,
        argv=(*_argv(home, home.port), "--auth"),
        env=home.env,
        cwd=home.path,
        health=lambda: check_mongo(url, home.port),
        log=home.log,
        url=url,
        prepare=partial(ensure_user, home, partial(_open_engine, home)),
        stop_signal=signal.SIGKILL,
        niceness=_NICENESS,
    )


def _argv(home: EngineHome, port: int) -> tuple[str, ...]:
    """`-I` keeps the working directory and foreign PYTHON* variables out of its imports."""
    options = {
        "--config": home.path / "secantusd.toml",
        "--host": LOOPBACK,
        "--port": port,
        "--storage-path": home.data,
        "--cache-size": _CACHE,
        "--log-level": "WARNING",
    }
    flat = [str(part) for option in options.items() for part in option]
    return (sys.executable, "-I", "-m", "secantus", *flat, "--sync-on-commit", "--standalone")


def _open_engine(home: EngineHome, port: int) -> EngineSpec:
    """The same engine without passwords, to make the first user."""
    url = f"mongodb://{LOOPBACK}:{port}/?retryWrites=false&directConnection=true"
    return EngineSpec(
        name=f"{home.name} (making its user)",
        argv=_argv(home, port),
        env=home.env,
        cwd=home.path,
        health=lambda: check_mongo(url, port),
        log=home.log,
        restart=False,
        url=url,
    )


async def check_mongo(url: str, port: int) -> None:
    """Healthy when it answers a ping; connecting proves the password. Raises NotReadyError."""
    await check_listens(port)
    client = pymongo.AsyncMongoClient[dict[str, object]](url, serverSelectionTimeoutMS=2000)
    try:
        await client.admin.command("ping")
    except pymongo.errors.PyMongoError as error:
        raise NotReadyError(f"no answer to ping: {str(error)[:200]}") from error
    finally:
        await client.close()
