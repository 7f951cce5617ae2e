"""One rendering here: its sources verified and at hand, the order to the workers, the result kept.

Only what is made of this node's own set's blobs is kept on disk: other sets' deletes are not announced here.
Called by `derivative_making`, which sees to it that nothing is rendered twice at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from atoll.bucket import RenderPolicy
from atoll.errors import Failed, NotFound, TooManyRequests, Unavailable, Undecodable, Unrenderable
from storage_node.blob_address import BlobAddress
from storage_node.derivative import BadDerivative, Derivative
from storage_node.derivative_limits import may_be_source, render_limits
from storage_node.derivative_metrics import DerivativeMetrics
from storage_node.derivative_mezzanine import Drawable, Mezzanines
from storage_node.derivative_rendering import Rendering
from storage_node.derivative_resolution import Wanted
from storage_node.derivative_sources import Source, Sources
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_calls import DiskReads
from storage_node.render_protocol import Rendered, RenderLimits
from storage_node.renderer import Order
from storage_node.settings import NodeSettings
from storage_node.sniff import ImageType

Layers = Mapping[str, tuple[Path, ImageType]]


class Renders:
    """`policy` gives a bucket's; `writes` has the threads that write."""

    def __init__(
        self,
        settings: NodeSettings,
        store: DerivativeStore,
        sources: Sources,
        rendering: Rendering,
        policy: Callable[[str], RenderPolicy],
        writes: DiskReads,
        counts: DerivativeMetrics,
    ) -> None:
        self._settings, self._store, self._sources, self._rendering = settings, store, sources, rendering
        self._policy, self._writes, self._counts = policy, writes, counts
        self._mezzanines = Mezzanines(
            settings.set, store, writes, self._counted, keeps=settings.derivative_bytes > 0
        )
        self._in_background = asyncio.Semaphore(1)

    async def ensure_source(self, wanted: Wanted) -> None:
        """Pull a source that belongs here and is not here; `NotFound` when it was deleted, or is nowhere.

        Before another node is asked for a derivative: that one may not have heard of a delete yet.
        """
        if wanted.address.handle.set == self._settings.set:
            await self._sources.ensure(wanted.address)

    async def render(self, wanted: Wanted, seen_drops: int, *, patient: bool) -> tuple[Derivative, bytes]:
        """Make it; see `Maker.make`. `patient`: one at a time, and when a worker has nothing else to do."""
        if not patient:
            return await self._counted(wanted, seen_drops)
        async with self._in_background:
            await self._rendering.spare()
            return await self._counted(wanted, seen_drops)

    async def _counted(self, wanted: Wanted, seen_drops: int) -> tuple[Derivative, bytes]:
        result = "failed"
        try:
            made = await self._render(wanted, seen_drops)
            result = "done"
        except Undecodable:
            result = "refused"
            raise
        except TooManyRequests:
            result = "overloaded"
            raise
        finally:
            self._counts.renders[result] += 1
        return made

    async def _render(self, wanted: Wanted, seen_drops: int) -> tuple[Derivative, bytes]:
        staged = self._store.stage()
        try:
            rendered = await self._drawn(wanted, staged, seen_drops)
            return await self._writes.run(partial(self._take, wanted, staged, rendered, seen_drops))
        except BaseException:  # cancelled too: what nobody takes must not stay
            await asyncio.shield(self._writes.run(partial(staged.unlink, missing_ok=True)))
            raise

    def _take(
        self, wanted: Wanted, staged: Path, rendered: Rendered, seen_drops: int
    ) -> tuple[Derivative, bytes]:
        layers = wanted.layer_hashes
        try:
            if wanted.address.handle.set == self._settings.set:
                own_layers = wanted.layers_of(self._settings.set)
                return self._store.keep(wanted.key, staged, rendered, layers, seen_drops, own_layers)
            return self._store.describe(wanted.key, staged, rendered, layers)
        except BadDerivative as bad:
            raise Failed(f"The derivative was lost on its way: {bad.reason}.", retry_after=1) from bad

    async def _drawn(self, wanted: Wanted, staged: Path, seen_drops: int) -> Rendered:
        """The file at `staged`. What was held and vanishes while it is read was deleted."""
        held = False
        try:
            async with AsyncExitStack() as stack:
                source = await self._opened(wanted.address, stack)
                held = source.picture is not None
                layers = {}
                for layer in wanted.layers:
                    found = await self._opened(layer.address, stack)
                    layers[layer.public_id] = (found.path, found.image_type)
                limits = render_limits(self._policy(wanted.address.bucket), self._settings)
                drawable = await stack.enter_async_context(
                    self._mezzanines.instead(wanted, source, limits, seen_drops)
                )
                return await self._rendering.render(_order(wanted, drawable, layers, staged, limits))
        except Unavailable:
            if held and await self._sources.is_gone(wanted.address):
                raise NotFound("This image was deleted.") from None
            raise

    async def _opened(self, address: BlobAddress, stack: AsyncExitStack) -> Source:
        ext = address.handle.ext
        if not may_be_source(ext, self._policy(address.bucket), self._settings):
            raise Unrenderable(
                f"No derivatives are made of {ext} images here.", reason="source_not_allowed", source=ext
            )
        return await stack.enter_async_context(self._sources.opened(address))


def _order(wanted: Wanted, drawable: Drawable, layers: Layers, staged: Path, limits: RenderLimits) -> Order:
    source = drawable.source
    return Order(
        source.path,
        source.image_type,
        staged,
        wanted.transformation,
        wanted.form,
        layers,
        source.picture.faces if source.picture else None,
        limits,
        drawable.stands_for,
    )
