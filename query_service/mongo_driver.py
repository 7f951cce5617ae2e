"""The seam between the catalog and the driver that speaks to MongoDB: motor, or PyMongo's own async client.

The two are alike but for what must be awaited; `settled` evens that out, so the catalog is written once.
Owns the deadlines and the write concern of the connection. Called by `app`, which closes it, and by the
catalog's files; nobody else may touch a collection.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from atoll.settings import SettingsError

Driver = Literal["motor", "pymongo"]

# Any of them may also be told by the URL; these win, because the catalog's promises rest on them.
_OPTIONS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 2_000,  # how long a call waits for a server to be there at all
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 10_000,  # a bulk write of 512 events takes the slowest server 2 s
    "waitQueueTimeoutMS": 2_000,  # how long a call waits for a free connection
    "w": "majority",  # an event is acknowledged after this, and then nobody sends it again
    "wTimeoutMS": 5_000,
    "readConcernLevel": "majority",  # what is read is cached: it must not be rolled back
    "tz_aware": True,
}


class MongoDatabase:
    """One connection pool of one daemon, and the database that holds the catalog."""

    def __init__(self, url: str, database: str, driver: Driver, appname: str) -> None:
        """Connects lazily, so a server that is away is no error here. `SettingsError` for a wrong URL."""
        try:
            parse_uri(url)
            self._client = _client(driver)(url, appname=appname, **_OPTIONS)
        except (ConfigurationError, InvalidURI, ValueError) as error:
            raise SettingsError([f"the MongoDB URL is not usable: {error}"]) from error
        self._database = self._client[database]
        # The stand-in for demo and tests reads all that a filter finds before it looks at the limit.
        self.reads_whole_windows = False

    def collection(self, name: str) -> Any:
        """A collection of either driver; `find`, `bulk_write` and `create_indexes` are used alike."""
        return self._database[name]

    async def ping(self) -> None:
        """Return when the server answers; raises what the driver raises."""
        await self._client.admin.command("ping")

    async def learn(self) -> None:
        """Ask what kind of server it is; raises what the driver raises."""
        about = await self._client.admin.command("buildInfo")
        self.reads_whole_windows = "secantusVersion" in about

    async def close(self) -> None:
        """Close all connections."""
        await settled(self._client.close())


async def settled(result: Any) -> Any:
    """`result`, awaited if this driver wants it: `close`, `list_indexes`, `aggregate` and `watch` differ."""
    return await result if inspect.isawaitable(result) else result


def _client(driver: Driver) -> Any:
    # Imported here, so that the driver that was not chosen need not be installed.
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient
    from pymongo import AsyncMongoClient

    return AsyncMongoClient
