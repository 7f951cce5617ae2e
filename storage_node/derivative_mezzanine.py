"""The smaller copy of a slow picture, found or made, and put in the picture's place where it is enough.

Which pictures and derivatives those are is decided in `rendering.mezzanine`. The copy is a derivative like
any other: kept under the quota, verified, gone with its blob; made once, by who needs it first. Only where
it is kept: else every derivative would pay for two. Whatever is wrong with the copy, the picture itself is
taken, and says what is wrong with it. Called by `derivative_renders`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from atoll.errors import Undecodable
from storage_node.derivative import BadDerivative, Derivative, DerivativeKey
from storage_node.derivative_resolution import Wanted, wanted_exactly
from storage_node.derivative_sources import Source
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_calls import DiskReads
from storage_node.render_protocol import RenderLimits
from storage_node.rendering.mezzanine import MEZZANINE, SIDE, has_mezzanine, suffices
from storage_node.sniff import ALL_TYPES

_TYPES = {image_type.extension: image_type for image_type in ALL_TYPES}
Kept = tuple[Derivative, bytes]


class Drawable(NamedTuple):
    """What a worker gets; `stands_for`: see `PictureFile`."""

    source: Source
    stands_for: tuple[int, int] | None


class Mezzanines:
    """`render` makes a derivative of the picture itself; `keeps`: whether this node keeps any."""

    def __init__(
        self,
        own_set: str,
        store: DerivativeStore,
        writes: DiskReads,
        render: Callable[[Wanted, int], Awaitable[Kept]],
        *,
        keeps: bool,
    ) -> None:
        self._own_set, self._store, self._writes, self._render = own_set, store, writes, render
        self._keeps = keeps
        self._locks: WeakValueDictionary[DerivativeKey, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def instead(
        self, wanted: Wanted, source: Source, limits: RenderLimits, seen_drops: int
    ) -> AsyncIterator[Drawable]:
        """The copy of `source` if it is enough for `wanted`, or else `source`, while the context lasts."""
        drawable = (
            await self._smaller(wanted, source, seen_drops) if self._helps(wanted, source, limits) else None
        )
        if drawable is None:
            yield Drawable(source, None)
            return
        try:
            yield drawable
        finally:
            await self._writes.run(partial(drawable.source.path.unlink, missing_ok=True))

    def _helps(self, wanted: Wanted, source: Source, limits: RenderLimits) -> bool:
        picture, ext = source.picture, source.image_type.extension
        return (
            self._keeps
            and wanted.address.handle.set == self._own_set
            and picture is not None
            and has_mezzanine(ext, picture)
            and picture.width * picture.height <= limits.source.max_pixels  # else its refusal is due
            and limits.max_side >= SIDE
            and suffices(picture, wanted.transformation, limits.max_side)
        )

    async def _smaller(self, wanted: Wanted, source: Source, seen_drops: int) -> Drawable | None:
        assert source.picture is not None
        copy = wanted_exactly(wanted.address, MEZZANINE, "plain", ())
        async with self._locks.setdefault(copy.key, asyncio.Lock()):
            kept = await self._kept(copy)
            try:
                derivative, body = kept or await self._render(copy, seen_drops)
            except Undecodable:
                return None
        path = await self._writes.run(partial(self._lay_out, body))
        if path is None:
            return None
        there = Source(path, _TYPES[derivative.format], source.picture)
        return Drawable(there, (source.picture.width, source.picture.height))

    async def _kept(self, copy: Wanted) -> Kept | None:
        found = await self._writes.run(partial(self._store.find, copy.key))
        if found is None:
            return None
        try:
            return found, await self._writes.run(partial(self._store.read, found))
        except BadDerivative:
            return None

    def _lay_out(self, body: bytes) -> Path | None:
        """A file of its own: the kept one may be evicted while a worker reads. None: the disk refuses."""
        try:
            return self._store.files.write_staged(body)
        except OSError:
            return None
