"""Webhook endpoints and their deliveries in MongoDB: a log, and the queue of what is still to be sent. I/O.

The queue is here and not in a stream, because it is the log as well: a delivery that waits two hours for its
next try, one that people look at and one that they send again are the same document. Event and endpoint give
a delivery its id, so an event that is indexed twice is delivered once. Several query services send: each
takes a delivery by moving its `next_at` on, which only one of them can; if that one dies, it is due again
then. Raises `CatalogUnavailable` without MongoDB.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from pymongo import InsertOne
from pymongo.errors import BulkWriteError

from atoll.ids import new_id
from query_service.catalog_errors import catalog_errors
from query_service.hook_wire import Attempt, HookMessage
from query_service.mongo_driver import MongoDatabase

Document = Mapping[str, Any]

READ_SECONDS = 3.0
MAX_HOOKS = 100
MAX_ATTEMPTS_KEPT = 50
_DUPLICATE_KEY = 11000


class HookStore:
    """`keep_ms`: how long deliveries are remembered; longer than streams give events again."""

    def __init__(self, mongo: MongoDatabase, keep_ms: int) -> None:
        self._hooks, self._log = mongo.collection("webhooks"), mongo.collection("hook_deliveries")
        self._keep_ms = keep_ms

    async def add(self, document: Document) -> None:
        """A new endpoint."""
        with catalog_errors("noting a webhook"):
            await self._hooks.insert_one(dict(document))

    async def remove(self, hook: str) -> bool:
        """An endpoint, and what waits for it; whether it was there."""
        with catalog_errors("removing a webhook"):
            removed = await self._hooks.delete_one({"_id": hook})
            await self._log.delete_many({"hook": hook})
        return bool(removed.deleted_count)

    async def all(self) -> Sequence[Document]:
        """Every endpoint."""
        with catalog_errors("reading webhooks"):
            async with asyncio.timeout(READ_SECONDS):
                found: Sequence[Document] = await self._hooks.find({}).limit(MAX_HOOKS + 1).to_list(None)
        return sorted(found, key=lambda hook: str(hook["_id"]))

    async def get(self, hook: str) -> Document | None:
        """One endpoint."""
        with catalog_errors("reading a webhook"):
            found: Document | None = await self._hooks.find_one({"_id": hook})
        return found

    async def queue(self, messages: Iterable[tuple[str, HookMessage]], now: int) -> int:
        """Deliveries of (bucket, message) to whoever wants them; how many endpoints' worth. Idempotent."""
        messages = list(messages)
        if not messages or not (hooks := await self.all()):
            return 0
        wanted = [
            InsertOne(self._delivery(hook, message, now))
            for bucket, message in messages
            for hook in hooks
            if wants(hook, bucket, message)
        ]
        if wanted:
            with catalog_errors("queueing webhooks"):
                await self._insert(wanted)
        return len(wanted)

    async def _insert(self, wanted: list[Any]) -> None:
        try:
            await self._log.bulk_write(wanted, ordered=False)
        except BulkWriteError as error:
            failures = (error.details or {}).get("writeErrors", [])
            if not failures or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
                raise  # else they were queued before

    def _delivery(self, hook: Document, message: HookMessage, now: int) -> dict[str, Any]:
        digest = hashlib.sha256(f"{hook['_id']}/{message.id}/{message.type}".encode()).hexdigest()
        return {
            "_id": digest[:32],
            "hook": hook["_id"],
            "order": new_id(now),
            "event": message.id,
            "type": message.type,
            "body": msgspec.json.encode(message).decode(),
            "created_at": now,
            "begun_at": now,
            "state": "waiting",
            "next_at": now,
            "tries": 0,
            "attempts": [],
            "expires_at": datetime.fromtimestamp((now + self._keep_ms) / 1000, UTC),
        }

    async def due(self, now: int, limit: int) -> Sequence[Document]:
        """Deliveries whose time has come, the longest due first."""
        with catalog_errors("reading webhooks"):
            async with asyncio.timeout(READ_SECONDS):
                cursor = self._log.find({"state": "waiting", "next_at": {"$gte": 0, "$lte": now}})
                found: Sequence[Document] = await cursor.sort([("next_at", 1)]).limit(limit).to_list(None)
        return found

    async def take(self, delivery: Document, until: int) -> bool:
        """Whether it is ours to send, until then."""
        mine = {"_id": delivery["_id"], "state": "waiting", "next_at": delivery["next_at"]}
        with catalog_errors("taking a webhook"):
            taken = await self._log.update_one(mine, {"$set": {"next_at": until}})
        return bool(taken.modified_count)

    async def note(self, delivery: str, attempt: Attempt, state: str, next_at: int) -> None:
        """How a try went, and what is next."""
        entry = msgspec.to_builtins(attempt)
        change = {
            "$set": {"state": state, "next_at": next_at},
            "$inc": {"tries": 1},
            "$push": {"attempts": {"$each": [entry], "$slice": -MAX_ATTEMPTS_KEPT}},
        }
        with catalog_errors("noting a webhook's delivery"):
            await self._log.update_one({"_id": delivery}, change)

    async def again(self, hook: str, delivery: str, now: int) -> bool:
        """Send it once more, now; whether it is there."""
        change = {"$set": {"state": "waiting", "next_at": now, "begun_at": now, "tries": 0}}
        with catalog_errors("sending a webhook again"):
            found = await self._log.update_one({"_id": delivery, "hook": hook}, change)
        return bool(found.matched_count)

    async def delivery(self, delivery: str) -> Document | None:
        """One of the log."""
        with catalog_errors("reading a webhook's delivery"):
            found: Document | None = await self._log.find_one({"_id": delivery})
        return found

    async def page(self, hook: str, before: str | None, limit: int) -> Sequence[Document]:
        """Up to `limit` deliveries of an endpoint whose `order` is before, the newest first."""
        query: dict[str, Any] = {"hook": hook}
        if before is not None:
            query["order"] = {"$lt": before}  # a lower bound there has the stand-in find nothing
        with catalog_errors("reading a webhook's deliveries"):
            async with asyncio.timeout(READ_SECONDS):
                cursor = self._log.find(query).sort([("order", -1)]).limit(limit)
                found: Sequence[Document] = await cursor.to_list(None)
        return found


def wants(hook: Document, bucket: str, message: HookMessage) -> bool:
    """Whether an endpoint asked for this."""
    kinds, buckets = hook["events"], hook["buckets"]
    return (not kinds or message.type in kinds) and (not buckets or bucket in buckets)
