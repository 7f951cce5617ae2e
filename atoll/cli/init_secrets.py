"""The secrets that `atoll init machine` makes, as the files they are kept in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from atoll.signing import hash_api_key

USER = "atoll"  # of every engine
PRIVATE, PUBLIC = 0o600, 0o644
# What query services send to Redis, as the server names it; deploy/README.md says what each is for.
REDIS_COMMANDS = (
    "get", "set", "del", "mget", "expire", "pexpire", "eval", "time", "hmget", "hset", "hgetall",
    "zadd", "zremrangebyrank", "zrevrange", "ping", "client|setname", "client|setinfo", "hello", "auth",
    "select",
)  # fmt: skip


class PlannedFile(NamedTuple):
    """A file that is to be, whole."""

    path: Path
    text: str
    mode: int = PRIVATE


def first_secrets(
    to: Path, redis_host: str, mongodb_host: str, secret: str | None, new_secret: Callable[[], str]
) -> Iterator[PlannedFile]:
    """The cluster's (`secret`, or a new one), its administrator's, and those of the engines beside it."""
    nats, redis, mongodb = new_secret(), new_secret(), new_secret()
    key = f"atoll_{new_secret()}"
    yield PlannedFile(to / "cluster.secret", (secret or new_secret()) + "\n")
    yield PlannedFile(to / "admin.key", key + "\n")
    yield PlannedFile(to / "api_keys.toml", _api_keys(key))
    yield PlannedFile(to / "nats.password", nats + "\n")
    yield PlannedFile(to / "redis.url", f"redis://{USER}:{redis}@{redis_host}/0\n")
    # A MongoDB that is no replica set knows no retryable writes; ours are safe to repeat without them.
    options = "authSource=admin&retryWrites=false"
    yield PlannedFile(to / "mongodb.url", f"mongodb://{USER}:{mongodb}@{mongodb_host}/?{options}\n")
    yield PlannedFile(to / "engines.env", _engines(nats, mongodb, new_secret()))
    # Only the hash of 256 random bits: it gives nothing away, and the server's own user has to read it.
    yield PlannedFile(to / "valkey.acl", redis_acl(redis), PUBLIC)


def _api_keys(key: str) -> str:
    scopes = '["read", "write", "delete", "admin"]'
    return f'[[key]]\nid = "admin"\nsha256 = "{hash_api_key(key)}"\nscopes = {scopes}\n'


def _engines(nats: str, mongodb: str, root: str) -> str:
    return f"NATS_PASSWORD={nats}\nMONGODB_PASSWORD={mongodb}\nMONGODB_ROOT_PASSWORD={root}\n"


def redis_acl(password: str) -> str:
    """An ACL file: our user may do what our code does, on our keys; nobody else may do anything."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    commands = " ".join(f"+{command}" for command in REDIS_COMMANDS)
    return f"user default off\nuser {USER} on #{digest} resetchannels ~atoll:* -@all {commands}\n"
