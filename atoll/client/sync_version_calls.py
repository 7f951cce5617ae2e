"""Versions and names, synchronously: the part of `Client` that is the face of `version_calls`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from atoll.client.version_calls import VersionCalls
from atoll.client.version_views import DeletedVersion, VersionView
from atoll.client.views import Resolved
from atoll.node_api import AssetView

T = TypeVar("T")


class _Face(Protocol):
    """What a synchronous client has: the asynchronous one, and a way to run what it returns."""

    @property
    def _versions(self) -> VersionCalls: ...

    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...


class SyncVersionCalls:
    """Methods, arguments and errors are those of `VersionCalls`."""

    def versions(self: _Face, reference: str, *, limit: int | None = None) -> Iterator[VersionView]:
        """The versions of an asset, newest first, page by page."""
        found = self._versions.versions(reference, limit=limit)
        while (version := self._run(_next(found))) is not None:
            yield version

    def version(self: _Face, reference: str, version: str) -> VersionView:
        """One version of an asset."""
        return self._run(self._versions.version(reference, version))

    def version_url(
        self: _Face, reference: str, version: str, *, transformation: str | None = None
    ) -> Resolved:
        """Where a version is, or what a transformation makes of it."""
        return self._run(self._versions.version_url(reference, version, transformation=transformation))

    def delete_version(self: _Face, reference: str, version: str) -> DeletedVersion:
        """Delete one version for good."""
        return self._run(self._versions.delete_version(reference, version))

    def rollback(self: _Face, reference: str, version: str) -> AssetView:
        """Go back to a version; the new one that repeats it."""
        return self._run(self._versions.rollback(reference, version))

    def rename(self: _Face, reference: str, public_id: str, *, overwrite: bool = False) -> AssetView:
        """Give an asset and its versions another name in its bucket."""
        return self._run(self._versions.rename(reference, public_id, overwrite=overwrite))

    def copy(
        self: _Face, reference: str, public_id: str, *, version: str | None = None, overwrite: bool = False
    ) -> AssetView:
        """Copy an asset, or a version of it, to another name in its bucket."""
        return self._run(self._versions.copy(reference, public_id, version=version, overwrite=overwrite))


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)
