"""The one user of the MongoDB stand-in: made before its first start with passwords.

A mark in the data directory says for which password this was done, so deleting the data, or the secret,
makes it happen again. Called by `mongo_engine`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pymongo
import pymongo.errors

from atoll.local.engine_errors import EngineError
from atoll.local.engine_home import USER, EngineHome
from atoll.local.guard import Guard
from atoll.local.ports import any_free_port
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import EngineSpec
from atoll.local.secrets_dir import write_private

_USER_EXISTS = 51003
_DEADLINE_MS = 5000


async def ensure_user(home: EngineHome, open_engine: Callable[[int], EngineSpec], guard: Guard) -> None:
    """Make the user with today's password unless the mark says it is there. Raises EngineError."""
    mark = home.data / "atoll-user"
    # The password is 256 random bits: its digest gives nothing away.
    wanted = hashlib.sha256(f"{USER}:{home.password}".encode()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    spec = open_engine(any_free_port())  # a new one at each try: nobody can lie in wait for it
    engine = ManagedProcess(spec, guard)
    await engine.start()
    try:
        await _make(spec.url, home.password)
    finally:
        # It has synced the user when it acknowledged it; an orderly end would only cost two seconds.
        await engine.kill(restart=False)
    write_private(mark, wanted)


async def _make(url: str, password: str) -> None:
    client = pymongo.AsyncMongoClient[dict[str, object]](url, timeoutMS=_DEADLINE_MS)
    try:
        await _create_or_update(client, password)
    except pymongo.errors.PyMongoError as error:
        raise EngineError(f"the MongoDB stand-in did not make its user: {str(error)[:200]}") from error
    finally:
        await client.close()


async def _create_or_update(client: pymongo.AsyncMongoClient[dict[str, object]], password: str) -> None:
    try:
        await client.admin.command("createUser", USER, pwd=password, roles=["root"])
    except pymongo.errors.OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise
        await client.admin.command("updateUser", USER, pwd=password, roles=["root"])
