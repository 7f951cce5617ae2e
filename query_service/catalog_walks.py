"""The first documents of a walk along an index of `assets`. I/O.

One question to MongoDB. On the stand-in a few, each for a window between fences (`catalog_fences`): the
first about as long as the page, then longer ones, then the rest. So a page costs what it shows and, where
few fit, what it passes over – not the whole bucket. Only where the index covers all that is asked: for
anything else the stand-in reads the bucket, whatever the window. Both ways give the same documents.
Called by `Catalog`.
"""

from __future__ import annotations

from collections.abc import Iterator

from query_service import catalog_fences
from query_service.catalog_fences import Document, fences_in, rail_of
from query_service.mongo_driver import MongoDatabase

SERVER_MS = 2_500  # then the server lets go of a walk: before its reader does (catalog.READ_SECONDS)
_LONGER = (1, 4, 16)  # windows, in pages; behind the last one comes all the rest


class Walks:
    """Reads from `assets` and `fences`."""

    def __init__(self, mongo: MongoDatabase) -> None:
        self._mongo = mongo

    async def first(self, query: Document, key: str, limit: int, *, descending: bool) -> list[Document]:
        """Up to `limit` documents that match, in the order of `key`; `query[key]` is a window."""
        found: list[Document] = []
        for span in _spans(limit) if self._mongo.reads_whole_windows and _is_covered(query, key) else ():
            fence = await self._fence(query, key, span, descending)
            if fence is None:
                break
            here, query = _cut(query, key, fence, descending)
            found += await self._read(here, key, limit - len(found), descending)
            if len(found) >= limit:
                return found
        return found + await self._read(query, key, limit - len(found), descending)

    async def _fence(self, query: Document, key: str, span: int, descending: bool) -> str | None:
        """The sort key at the fence that is `span` fences ahead; None: it is not so far to the end."""
        cursor = self._mongo.collection("fences").find(fences_in(query, key)).sort([("at", _way(descending))])
        fences = await cursor.limit(span).to_list(None)
        if len(fences) < span:
            return None
        fence: str = fences[-1]["at"]
        return fence[len(rail_of(query, key)) :]

    async def _read(self, query: Document, key: str, limit: int, descending: bool) -> list[Document]:
        cursor = self._mongo.collection("assets").find(query).sort([(key, _way(descending))]).limit(limit)
        documents: list[Document] = await cursor.max_time_ms(SERVER_MS).to_list(None)
        return documents


def _is_covered(query: Document, key: str) -> bool:
    """Whether all that is asked besides the window is one point of an index, as plans without a rest ask."""
    return all(isinstance(value, str) for field, value in query.items() if field != key)


def _way(descending: bool) -> int:
    return -1 if descending else 1


def _spans(limit: int) -> Iterator[int]:
    """How many fences lie in each window."""
    page = max(1, -(-limit // catalog_fences.EVERY))
    return (page * times for times in _LONGER)


def _cut(query: Document, key: str, fence: str, descending: bool) -> tuple[Document, Document]:
    """The query in two: what comes before the fence in the order of the walk, and the rest."""
    low = {op: end for op, end in query[key].items() if op.startswith("$gt")}
    high = {op: end for op, end in query[key].items() if op.startswith("$lt")}
    below, above = {**query, key: {**low, "$lt": fence}}, {**query, key: {"$gte": fence, **high}}
    return (above, below) if descending else (below, above)
