"""Opening Redis by URL: `redis://`, `rediss://`, and through sentinels.

    redis+sentinel://user:password@host:26379,host:26379/service/0      (rediss+sentinel:// with TLS)

User and password are the server's; `?sentinel_username=&sentinel_password=` are the sentinels' own. Called by
`redis_cache` only.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from atoll.settings import SettingsError

_SENTINEL_PORT = 26379


def open_redis(url: str, name: str, seconds: float, connections: int) -> Redis:
    """A client that connects when first used (within `seconds`) and never retries by itself.

    Retries are refused: the caller has a deadline for the whole call, and its second choice, the catalog, is
    not far. `SettingsError` for a URL that is none.
    """
    options: dict[str, Any] = {
        "client_name": name,
        "socket_timeout": None,  # the caller's deadline holds; one per read would only cost time
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": connections,
    }
    try:
        if urlsplit(url).scheme.endswith("+sentinel"):
            return _through_sentinels(url, options)
        return Redis.from_url(url, **options)
    except ValueError as error:
        raise SettingsError([f"the Redis URL is not usable: {error}"]) from error


def _through_sentinels(url: str, options: dict[str, Any]) -> Redis:
    parts = urlsplit(url)
    scheme, _, _ = parts.scheme.partition("+")
    userinfo, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if scheme not in {"redis", "rediss"} or not hosts or not service:
        raise ValueError("it is redis+sentinel://host:port,host:port/service/db")
    own = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    user, _, password = userinfo.partition(":")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py has not typed it
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs={
            "username": own.get("sentinel_username"),
            "password": own.get("sentinel_password"),
            "socket_timeout": options["socket_connect_timeout"],
            "ssl": scheme == "rediss",
            "retry": options["retry"],  # the next sentinel is the retry
        },
    )
    options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    options |= {"db": int(db or 0), "ssl": scheme == "rediss"}
    client: Redis = sentinel.master_for(service, redis_class=_ThroughSentinels, **options)
    return client


class _ThroughSentinels(Redis):
    """Closes the connections to the sentinels too, which redis-py leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        assert isinstance(self.connection_pool, SentinelConnectionPool)
        for sentinel in self.connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError(f"{host!r} is no host")
    return parts.hostname, parts.port or _SENTINEL_PORT
