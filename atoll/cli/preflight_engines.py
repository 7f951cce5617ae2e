"""NATS, MongoDB and Redis as this machine reaches them: with the settings' own URLs, users and trust.

Each question has a deadline and changes nothing. The engines' clocks are compared with ours, which tells more
of this machine's clock than the machine itself can.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import nats.errors
import nats.js.errors
import pymongo
import pymongo.errors
import redis
import redis.exceptions
from nats.aio.client import Client

from atoll.bus_options import connect_options
from atoll.cli.preflight_finding import Look, bad, well
from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, read_secret

ANSWER_SECONDS = 3.0
MAX_SKEW_SECONDS = 1.0
MIN_NATS = (2, 10)  # several filter subjects of one consumer
MIN_MONGODB = (4, 4)
# What the catalog does to its database; deploy/mongodb/users.js grants exactly this.
MONGODB_ACTIONS = frozenset({"find", "insert", "update", "remove", "createIndex", "listIndexes", "dropIndex"})
_TRIES = (
    "PING",
    "TIME",
    ("EVAL", "return redis.call('GET', KEYS[1])", 1, "atoll:preflight"),
    ("HGETALL", "atoll:preflight"),
)
_MONGODB_URL = "Check the URL, the user's password, and that this machine may reach it."


async def look_at_nats(settings: DaemonSettings) -> list[Look]:
    """That it answers, and its JetStream: our own, and the one where the cluster map is at home."""
    try:
        options = connect_options(settings)
    except SettingsError as error:  # before there is a client: one that never connected cannot be closed
        return [bad("NATS", f"cannot be asked: {error.mistakes[0]}", "Bring what it names, then look again.")]
    client = Client()  # not nats.connect: a connection that is refused must be closed as well
    try:
        limits = {"allow_reconnect": False, "connect_timeout": ANSWER_SECONDS, "max_reconnect_attempts": 1}
        await client.connect(**options | limits | {"error_cb": _ignore})
        at = time.monotonic()
        await client.flush(int(ANSWER_SECONDS))
        trip = (time.monotonic() - at) * 1000
        domains = dict.fromkeys((None, settings.nats_map_domain))
        looks = [_nats_version(client, trip), *[await _jetstream(client, domain) for domain in domains]]
    except (nats.errors.Error, OSError, TimeoutError) as error:
        todo = "Check nats_url, user, password and firewall; an upload succeeds without it, and waits."
        return [bad("NATS", f"does not answer: {_short(error)}", todo)]
    finally:
        await client.close()
    return looks


async def _ignore(error: Exception) -> None:
    """The driver reports each error here and raises it as well; the exception is enough."""


def _nats_version(client: Client, trip: float) -> Look:
    version = client.connected_server_version
    found = f"{version.major}.{version.minor}.{version.patch}, {trip:.1f} ms away"
    if (version.major, version.minor) < MIN_NATS:
        return bad("NATS", found, "Bring it to 2.10 or newer.")
    return well("NATS", found)


async def _jetstream(client: Client, domain: str | None) -> Look:
    check = "JetStream" if domain is None else f"JetStream of {domain}"
    try:
        info = await client.jetstream(domain=domain, timeout=ANSWER_SECONDS).account_info()
    except (nats.js.errors.Error, nats.errors.Error, TimeoutError) as error:
        if domain is None:
            return bad(check, _short(error), "Switch it on in its configuration: deploy/nats.")
        todo = "Check nats_map_domain, and the way to that region; without it nodes cannot join."
        return bad(check, _short(error), todo, fails=False)
    return well(check, f"{info.streams} streams, {info.consumers} consumers")


def look_at_mongodb(url_file: Path, database: str) -> Iterator[Look]:
    """That it answers, takes writes, and lets us do what the catalog does."""
    try:
        url = read_secret(url_file, 1).decode()
        with pymongo.MongoClient[dict[str, object]](
            url, timeoutMS=int(ANSWER_SECONDS * 1000), tz_aware=True
        ) as client:
            hello = client.admin.command("hello")
            yield _mongodb_server(hello, str(client.server_info()["version"]))
            local = hello.get("localTime")
            if local is not None:
                yield skew("MongoDB", local.astimezone(UTC).timestamp(), time.time())
            yield _mongodb_rights(client, database)
    except (pymongo.errors.PyMongoError, SettingsError, UnicodeDecodeError) as error:
        yield bad("MongoDB", f"cannot be used: {_short(error)}", _MONGODB_URL)


def _mongodb_server(hello: dict[str, object], version: str) -> Look:
    name = hello.get("setName")
    found = f"{version}, replica set {name}" if name else f"{version}, no replica set"
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_MONGODB:
        return bad("MongoDB", found, "Bring it to 4.4 or newer.")
    if not hello.get("isWritablePrimary"):
        return bad("MongoDB", f"{found}, without a primary", "See `rs.status()`.")
    if not name:
        todo = "Enough for one machine: the catalog can be rebuilt from the nodes. Else: deploy/mongodb."
        return bad("MongoDB", found, todo, fails=False)
    return well("MongoDB", found)


def _mongodb_rights(client: pymongo.MongoClient[dict[str, object]], database: str) -> Look:
    check = "MongoDB rights"
    try:
        status = client.admin.command("connectionStatus", showPrivileges=True)
    except pymongo.errors.OperationFailure as error:
        return well(check, f"it does not say for {database}: {_short(error)}")
    auth = status.get("authInfo", {})
    if not auth.get("authenticatedUsers"):
        return bad(
            check,
            f"anybody may do anything in {database}",
            "Switch on authorization: deploy/mongodb.",
            fails=False,
        )
    may = rights_in(auth.get("authenticatedUserPrivileges", []), database)
    if may is None:
        return well(check, f"it does not say for {database}")
    missing = sorted(MONGODB_ACTIONS - may)
    if missing:
        return bad(check, f"lacks {', '.join(missing)} in {database}", "Make the user with deploy/mongodb.")
    more = may & {"dropDatabase", "createUser", "shutdown"}
    if more:
        return bad(
            check,
            f"may {', '.join(sorted(more))} in {database}",
            "Give it deploy/mongodb's role instead.",
            fails=False,
        )
    return well(check, f"what the catalog needs in {database}")


def rights_in(privileges: list[dict[str, object]], database: str) -> frozenset[str] | None:
    """The actions that hold for every collection of a database; None when nothing is told."""
    if not privileges:
        return None
    found: set[str] = set()
    for privilege in privileges:
        where, actions = privilege.get("resource"), privilege.get("actions")
        if not isinstance(where, dict) or not isinstance(actions, list):
            continue
        if where.get("anyResource") or (where.get("db") in {database, ""} and where.get("collection") == ""):
            found.update(str(action) for action in actions)
    return frozenset(found)


def look_at_redis(url_file: Path) -> Iterator[Look]:
    """That it answers, and lets us do what throttling and the lookup cache do."""
    try:
        url = read_secret(url_file, 1).decode()
        if "+sentinel" in url.partition(":")[0]:
            yield well("Redis", "through sentinels: the query service will say")
            return
        with redis.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, client_name="atoll-preflight"
        ) as client:
            for command in _TRIES:
                answer = client.execute_command(*((command,) if isinstance(command, str) else command))
                if command == "TIME":
                    yield skew("Redis", answer[0] + answer[1] / 1e6, time.time())
            yield well("Redis", "answers, and takes our commands")
    except redis.exceptions.NoPermissionError as error:
        yield bad("Redis", _short(error), "Give its user the commands of deploy/valkey.")
    except (redis.exceptions.RedisError, SettingsError, UnicodeDecodeError, ValueError) as error:
        todo = "Check the URL and password. Without it all works, slower, and throttling counts by instance."
        yield bad("Redis", f"cannot be used: {_short(error)}", todo, fails=False)


def skew(engine: str, theirs: float, ours: float) -> Look:
    """How far two clocks are apart, in seconds."""
    check, apart = f"clock against {engine}", abs(theirs - ours)
    if apart > MAX_SKEW_SECONDS:
        todo = "Start NTP on both. Tickets expire, and of two changes the later one wins, by these clocks."
        return bad(check, f"{apart:.1f} s apart", todo)
    return well(check, f"{apart * 1000:.0f} ms apart")


def _short(error: BaseException) -> str:
    """PyMongo tells its time-outs and its view of the servers as well, at length."""
    return (str(error) or repr(error)).partition(" (configured timeouts")[0][:200]
