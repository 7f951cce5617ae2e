"""The catalog: MongoDB's index of what lies on the nodes.

An index, never the truth: every document here can be made again from the nodes' records, so nothing is
written that no event carried. Reads are here, writes in `catalog_writer`, the documents' shape in
`catalog_documents`. With `mongo_driver` these are the only modules that speak to MongoDB. Called by the
lookup, the listing and the indexer. Refuses to wait: a read has a deadline, and while MongoDB is away most
reads fail at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from atoll import ids
from atoll.events import Event
from atoll.model import Location
from query_service import catalog_indexes
from query_service.catalog_asset import CatalogAsset, Page
from query_service.catalog_documents import Document, blob_key, locations_of, record_of
from query_service.catalog_errors import CatalogUnavailable, catalog_errors, was_late, was_let_go
from query_service.catalog_fold import Fold
from query_service.catalog_folders import Folders
from query_service.catalog_history import History
from query_service.catalog_walks import Walks
from query_service.catalog_windows import name_window
from query_service.catalog_writer import Applied, CatalogWriter
from query_service.circuit import Circuit
from query_service.mongo_driver import MongoDatabase
from query_service.search_plan import Plan

__all__ = ["Applied", "Catalog", "CatalogUnavailable"]

READ_SECONDS = 3.0  # more than the driver's 2 s of looking for a server, so that it can say what is wrong
MAX_PAGE = 1000
MARKS_DAYS = 90

log = logging.getLogger(__name__)


class Catalog(History, Folders):
    """Assets, locations and tombstones. Its methods raise `CatalogUnavailable` without MongoDB."""

    def __init__(
        self,
        mongo: MongoDatabase,
        circuit: Circuit,
        marks_days: int = MARKS_DAYS,
        now_ms: Callable[[], int] = ids.now_ms,
    ) -> None:
        """`marks_days`: how long the catalog remembers what is gone (setting catalog_marks_days)."""
        self._mongo, self._circuit = mongo, circuit
        self._walks = Walks(mongo)
        self._writer = CatalogWriter(mongo, marks_days * 86_400_000, now_ms)

    async def ensure_indexes(self) -> None:
        """Make the indexes that are missing; repeating it changes nothing."""
        with catalog_errors("making indexes"):
            await self._mongo.learn()
            await catalog_indexes.ensure_indexes(self._mongo)
        self._circuit.succeeded()

    async def ping(self) -> None:
        """Return when MongoDB answers."""
        with catalog_errors("being pinged"):
            async with asyncio.timeout(READ_SECONDS):
                await self._mongo.ping()
        self._circuit.succeeded()

    async def asset(self, asset_id: str) -> CatalogAsset | None:
        """The asset with this id."""
        return (await self.assets([asset_id])).get(asset_id)

    async def asset_by_name(self, bucket: str, public_id: str) -> CatalogAsset | None:
        """The asset with this name."""
        async with self._reading():
            found = await self._matching({"bucket": bucket, "public_id": public_id})
        return found[0] if found else None

    async def assets(self, asset_ids: Iterable[str]) -> Mapping[str, CatalogAsset]:
        """Those of the assets that exist, by id, in one read."""
        async with self._reading():
            found = await self._matching(_one_of(list(asset_ids)))
        return {asset.record.asset_id: asset for asset in found}

    async def page(self, bucket: str, prefix: str = "", after: str | None = None, limit: int = 100) -> Page:
        """Up to `limit` (at most 1,000) assets whose public_id starts with `prefix` and follows `after`.

        The cursor is a name, not a position: assets that come and go between two pages move nothing.
        """
        found = {"bucket": bucket, **name_window(prefix, after)}
        async with self._reading():
            return await self._page(found, "public_id", limit)

    async def search(self, plan: Plan, limit: int, *, places: bool = True) -> Page:
        """Up to `limit` (at most 1,000) assets that a plan finds, in its order; without `places` none of
        their locations is read. `next_after` is the last one's sort key.
        """
        async with self._reading(search=True):
            return await self._page(plan.filter, plan.key, limit, descending=plan.descending, places=places)

    async def _page(
        self, query: Document, key: str, limit: int, *, descending: bool = False, places: bool = True
    ) -> Page:
        limit = max(1, min(limit, MAX_PAGE))
        documents = await self._walks.first(query, key, limit + 1, descending=descending)
        shown = documents[:limit]
        locations = await self._locations({d["blob"] for d in shown} if places else ())
        more = len(documents) > limit
        return Page(tuple(_readable(shown, locations)), shown[-1][key] if more else None)

    async def locations(self, bucket: str, sha256: str) -> tuple[Location, ...]:
        """The nodes that hold a blob, by node name."""
        key = blob_key(bucket, sha256)
        async with self._reading():
            return (await self._locations([key])).get(key, ())

    async def apply(self, events: Sequence[Event]) -> Applied:
        """Fold a batch of events into the catalog. Idempotent; the order of events never matters.

        Events whose documents the server will never take are refused, and the rest of the batch is in. When
        it raises, anything may have been written or not: apply the whole batch again.
        """
        applied = await self._writer.apply(events)
        self._circuit.succeeded()
        return applied

    async def in_leaves(self, set_name: str, leaves: range) -> Mapping[str, CatalogAsset]:
        """The assets of a set whose place in the nodes' trees is in these leaves, by id."""
        window = {"$gte": leaves.start, "$lt": leaves.stop}
        async with self._reading():
            found = await self._matching({"set": set_name, "leaf": window})
        return {asset.record.asset_id: asset for asset in found}

    async def mend(self, change: Fold) -> int:
        """Bring documents to what the nodes say; see `CatalogWriter.mend`. How many were refused."""
        refused = await self._writer.mend(change)
        for (collection, name), why in refused.items():
            log.error("a document of %s cannot be rebuilt: %s", collection, why, extra={"id": name})
        return len(refused)

    async def remove_ghosts(self, ghosts: Mapping[str, str], versions: Sequence[str] = ()) -> None:
        """Remove assets (id: version) and records of `versions` (`_id`) that no node knows."""
        await self._writer.remove_ghosts(ghosts, versions)

    @asynccontextmanager
    async def _reading(self, *, search: bool = False) -> AsyncIterator[None]:
        """One read: with a deadline, and not at all while MongoDB is known to be away.

        A `search` that takes too long says nothing of MongoDB: what is asked may find little in much. If it
        counted, one key's searches would cut off everybody's reads.
        """
        if not self._circuit.allows():
            raise CatalogUnavailable("The catalog is away; it is asked again soon.", retry_after=1)
        try:
            with catalog_errors("being read"):
                async with asyncio.timeout(READ_SECONDS):
                    yield
        except CatalogUnavailable as error:
            if was_let_go(error):
                self._circuit.succeeded()
            elif not (search and was_late(error)):
                self._circuit.failed()
            raise
        self._circuit.succeeded()

    async def _matching(self, query: Document) -> list[CatalogAsset]:
        """The assets that match, with their locations."""
        documents = await self._mongo.collection("assets").find(query).batch_size(MAX_PAGE).to_list(None)
        locations = await self._locations({document["blob"] for document in documents})
        return _readable(documents, locations)

    async def _locations(self, keys: Collection[str]) -> dict[str, tuple[Location, ...]]:
        if not keys:
            return {}
        cursor = self._mongo.collection("locations").find(_one_of(list(keys))).batch_size(MAX_PAGE)
        return {document["_id"]: locations_of(document) for document in await cursor.to_list(None)}


def _readable(
    documents: Iterable[Document], locations: Mapping[str, tuple[Location, ...]]
) -> list[CatalogAsset]:
    """The assets in `documents`. One that cannot be read is as good as absent, as after a loss of the index:
    a rebuild from the nodes makes it anew, and the listing around it must not fail for it.
    """
    assets = []
    for document in documents:
        try:
            assets.append(CatalogAsset(record_of(document), locations.get(document["blob"], ())))
        except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
            log.error("the catalog's document of asset %s is unreadable: %r", document.get("_id"), error)
    return assets


def _one_of(ids: list[str]) -> Document:
    return {"_id": ids[0] if len(ids) == 1 else {"$in": ids}}
