"""The catalog as lifecycle rules ask it: a bucket's assets by age, oldest first. One walk of one index."""

from __future__ import annotations

from query_service.catalog import Catalog
from query_service.catalog_asset import Page
from query_service.search_fields import ALL, sort_key, tag_term
from query_service.search_plan import Plan


class AgedCatalog:
    """Reads only."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def page(self, bucket: str, prefix: str = "", after: str | None = None, limit: int = 100) -> Page:
        """Assets whose public_id starts with `prefix`, by name."""
        return await self._catalog.page(bucket, prefix, after, limit)

    async def aged(self, bucket: str, before_ms: int, tag: str | None, after: str | None, limit: int) -> Page:
        """Assets created at `before_ms` or earlier, oldest first. A tag finds other spellings of it, too."""
        term = ALL if tag is None else tag_term(tag)
        window = {"$gt": after or "", "$lt": sort_key(max(0, before_ms + 1))}
        found = {"bucket": bucket, "terms": term, "by_created": window}
        plan = Plan("bucket_terms_created_at", found, "by_created", False, "created_at")
        return await self._catalog.search(plan, limit, places=False)
