"""Deleted assets, synchronously: the part of `Client` that is the face of `trash_calls`."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from atoll.client.trash_calls import TrashCalls, TrashedAsset

T = TypeVar("T")


class _Face(Protocol):
    """What a synchronous client has: the asynchronous one, and a way to run what it returns."""

    @property
    def _trash(self) -> TrashCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncTrashCalls:
    """Methods, arguments and errors are those of `TrashCalls`."""

    def deleted(
        self: _Face, bucket: str, prefix: str = "", limit: int | None = None
    ) -> Iterator[TrashedAsset]:
        """What was deleted from a bucket and can be restored, page by page."""
        found = self._trash.deleted(bucket, prefix, limit)

        async def one() -> TrashedAsset | None:
            return await anext(found, None)

        while (asset := self._run(one())) is not None:
            yield asset
