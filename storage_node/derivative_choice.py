"""Which derivative answers a request, once names are known and the client's headers read.

Looks up what only the disk or a peer knows: whether the source moves, and which blobs its layers are now.
Says as well what is shown instead while a large AVIF is not there yet. Called by `derivative_delivery`.
"""

from __future__ import annotations

from typing import NamedTuple

from atoll.model import Picture
from atoll.transformation.limits import Limits
from atoll.transformation.negotiation import Accepts, Hints
from atoll.transformation.steps import Transformation
from storage_node.blob_address import BlobAddress
from storage_node.derivative_layers import LayerSearch
from storage_node.derivative_resolution import Form, Layer, Wanted, forms_of, layer_names, wanted
from storage_node.derivative_size import result_pixels
from storage_node.derivative_sources import Sources

EVERY_ACCEPT: tuple[Accepts, ...] = ("avif+webp", "webp", "plain")


class Chosen(NamedTuple):
    """The derivative, and another one for the time in which it is made; None: it is waited for."""

    wanted: Wanted
    meanwhile: Wanted | None


class Choice:
    """`inline_pixels`: an AVIF of more is not waited for."""

    def __init__(self, sources: Sources, layers: LayerSearch, inline_pixels: int) -> None:
        self._sources, self._layers, self._inline_pixels = sources, layers, inline_pixels

    async def of(self, address: BlobAddress, meant: Transformation, hints: Hints, limits: Limits) -> Chosen:
        """`meant` has no names in it. `Unrenderable` when a layer is missing, `UpstreamFailed`."""
        picture, layers = await self._facts(address, meant)
        forms = forms_of(meant, address.handle.ext, picture, hints.accepts)
        first = wanted(address, meant, forms.first, hints, layers, limits)
        if forms.meanwhile is None or not self._takes_long(first, picture, limits):
            return Chosen(first, None)
        return Chosen(first, wanted(address, meant, forms.meanwhile, hints, layers, limits))

    async def every(self, address: BlobAddress, meant: Transformation, limits: Limits) -> list[Wanted]:
        """All that clients will ask for under `meant` who send no hints but Accept."""
        picture, layers = await self._facts(address, meant)
        found: dict[Form, Wanted] = {}
        for accepts in EVERY_ACCEPT:
            hints = Hints(accepts)
            form = forms_of(meant, address.handle.ext, picture, accepts).first
            found[form] = wanted(address, meant, form, hints, layers, limits)
        return list(found.values())

    async def _facts(
        self, address: BlobAddress, meant: Transformation
    ) -> tuple[Picture | None, tuple[Layer, ...]]:
        auto = meant.delivery.format == "auto"
        picture = await self._sources.picture(address) if auto else None
        return picture, await self._layers.all(address.bucket, layer_names(meant))

    def _takes_long(self, first: Wanted, picture: Picture | None, limits: Limits) -> bool:
        return result_pixels(first.transformation, picture, limits.side) > self._inline_pixels
