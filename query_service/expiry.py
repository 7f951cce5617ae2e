"""Lifecycle: which assets a bucket's rules expire, found in the catalog page by page and deleted. I/O.

The catalog only says where to look. Each delete is an ordinary one with its trash, tombstone and receipts,
and on the condition that the node knows no newer version than the catalog showed: what was uploaded again a
moment ago lives on. Repeating a round, or two rounds at once, delete nothing twice. A rule without prefix
goes by age, oldest first; one with a prefix by name, through all names that start so. Called by upkeep.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from atoll.bucket import Bucket, LifecycleRule
from atoll.errors import AtollError, Conflict, NotFound
from atoll.model import AssetRecord
from query_service.catalog_asset import Page

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
AT_ONCE = 16

Delete = Callable[[AssetRecord], Awaitable[object]]


class Aged(Protocol):
    """The part of the catalog that is asked."""

    async def page(self, bucket: str, prefix: str = "", after: str | None = None, limit: int = 100) -> Page:
        """Assets by name."""

    async def aged(self, bucket: str, before_ms: int, tag: str | None, after: str | None, limit: int) -> Page:
        """Assets created before then, oldest first; only those with a tag."""


@dataclass
class Round:
    """What a round over one bucket did: assets looked at, expired, and failed (tried again next time)."""

    seen: int = 0
    expired: int = 0
    failed: int = 0


def is_due(record: AssetRecord, rule: LifecycleRule, now: int) -> bool:
    """Whether a rule expires an asset at `now` (Unix ms)."""
    old = record.created_at <= now - rule.expire_days * DAY_MS
    return old and record.public_id.startswith(rule.prefix) and (rule.tag is None or rule.tag in record.tags)


class Expiry:
    """`page` assets are looked at with one question; `now_ms` gives Unix milliseconds."""

    def __init__(self, catalog: Aged, delete: Delete, page: int, now_ms: Callable[[], int]) -> None:
        self._catalog, self._delete, self._page, self._now_ms = catalog, delete, page, now_ms

    async def round(self, bucket: Bucket) -> Round:
        """All rules of a bucket once. `CatalogUnavailable`."""
        done = Round()
        for rule in bucket.lifecycle:
            async for records in self._pages(bucket.name, rule):
                done.seen += len(records)
                due = [record for record in records if is_due(record, rule, self._now_ms())]
                for start in range(0, len(due), AT_ONCE):
                    await asyncio.gather(*(self._one(r, done) for r in due[start : start + AT_ONCE]))
        return done

    async def _pages(self, bucket: str, rule: LifecycleRule) -> AsyncIterator[list[AssetRecord]]:
        after: str | None = None
        before = self._now_ms() - rule.expire_days * DAY_MS
        while True:
            if rule.prefix:
                page = await self._catalog.page(bucket, rule.prefix, after, self._page)
            else:
                page = await self._catalog.aged(bucket, before, rule.tag, after, self._page)
            yield [asset.record for asset in page.assets]
            after = page.next_after
            if after is None:
                return

    async def _one(self, record: AssetRecord, done: Round) -> None:
        try:
            await self._delete(record)
        except (NotFound, Conflict):
            return  # deleted meanwhile, or uploaded again: nothing expires
        except AtollError as error:
            done.failed += 1
            log.warning("an asset does not expire now: %s", error.detail, extra={"asset": record.asset_id})
        else:
            done.expired += 1
