"""Search and edits, synchronously: the part of `Client` that is the face of `search_calls`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any, Protocol, TypeVar, Unpack

from atoll.client.search_calls import AssetChange, EditOutcome, Filters, SearchCalls
from atoll.node_api import AssetView

T = TypeVar("T")


class _Face(Protocol):
    """What a synchronous client has: the asynchronous one, and a way to run what it returns."""

    @property
    def _searches(self) -> SearchCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncSearchCalls:
    """Methods, arguments and errors are those of `SearchCalls`."""

    def search(
        self: _Face, bucket: str, *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> Iterator[AssetView]:
        """The assets of a bucket that fit all filters, page by page."""
        found = self._searches.search(bucket, limit=limit, **filters)
        while (asset := self._run(_next(found))) is not None:
            yield asset

    def search_fields(
        self: _Face,
        bucket: str,
        fields: Iterable[str],
        *,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[dict[str, Any]]:
        """The same, of each asset some members only."""
        found = self._searches.search_fields(bucket, fields, limit=limit, **filters)
        while (parts := self._run(_next(found))) is not None:
            yield parts

    def edit(
        self: _Face,
        reference: str,
        change: AssetChange,
        *,
        bucket: str | None = None,
        if_version: str | None = None,
    ) -> AssetView:
        """The asset with other words."""
        return self._run(self._searches.edit(reference, change, bucket=bucket, if_version=if_version))

    def edit_many(
        self: _Face,
        references: Iterable[str],
        change: AssetChange,
        *,
        bucket: str | None = None,
        parallel: int = 8,
        progress: Callable[[EditOutcome], None] = lambda _: None,
    ) -> tuple[EditOutcome, ...]:
        """The same change for many, one outcome each, in order."""
        return self._run(
            self._searches.edit_many(references, change, bucket=bucket, parallel=parallel, progress=progress)
        )


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)
