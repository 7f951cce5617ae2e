"""From what was asked to one derivative: the format it has, the layers on it, the name it is kept by. Pure.

Nothing is left open in a `Wanted` but one thing: `plain` leaves jpg or png to the rendering worker, which
sees whether there is transparency.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast, get_args

from msgspec.structs import replace

from atoll.model import Picture
from atoll.transformation.canonical import canonical
from atoll.transformation.files import derivative_path, essence
from atoll.transformation.hints import answered
from atoll.transformation.limits import Limits
from atoll.transformation.negotiation import Accepts, Hints
from atoll.transformation.steps import Format, ImageLayer, Named, Overlay, Transformation
from storage_node.blob_address import BlobAddress
from storage_node.derivative import DerivativeKey

Form = Format | Literal["plain"]
FORMS: tuple[str, ...] = (*get_args(Format), "plain")
_WRITABLE = frozenset(get_args(Format))
_MOVING = frozenset({"gif", "webp", "png", "avif"})  # a TIFF's pages and a HEIC's pictures are no animation


class Layer(NamedTuple):
    """An image that is laid upon another: its name in the transformation, and the blob it has now."""

    public_id: str
    address: BlobAddress


class Wanted(NamedTuple):
    """One derivative. `transformation` has no name, no hint, no `d_` and no attachment in it."""

    address: BlobAddress
    transformation: Transformation
    form: Form
    layers: tuple[Layer, ...]
    key: DerivativeKey

    @property
    def layer_hashes(self) -> tuple[str, ...]:
        """The blobs beside the source that it is made of."""
        return tuple(layer.address.handle.sha256 for layer in self.layers)

    def layers_of(self, set_name: str) -> tuple[str, ...]:
        """Those of them that this set holds."""
        handles = [layer.address.handle for layer in self.layers]
        return tuple(handle.sha256 for handle in handles if handle.set == set_name)


class Forms(NamedTuple):
    """What is delivered, and what instead while an AVIF is not there yet (None: it is waited for)."""

    first: Form
    meanwhile: Form | None = None


def forms_of(asked: Transformation, ext: str, picture: Picture | None, accepts: Accepts | None) -> Forms:
    """The format of the result. `picture`: facts of the source, of type `ext`; None when nobody knows."""
    said = asked.delivery.format
    if said is None:
        return Forms(cast(Format, ext) if ext in _WRITABLE else "plain")
    if said != "auto":
        return Forms(said)
    webp, avif = "webp" in (accepts or ""), "avif" in (accepts or "")
    if asked.page is None and _moves(ext, picture):
        return Forms("webp" if webp else "gif")
    if avif:
        return Forms("avif", "webp" if webp else "plain")
    return Forms("webp" if webp else "plain")


def _moves(ext: str, picture: Picture | None) -> bool:
    if picture is None:
        return ext == "gif"
    return ext in _MOVING and picture.frames > 1


def wanted(
    address: BlobAddress,
    meant: Transformation,
    form: Form,
    hints: Hints,
    layers: tuple[Layer, ...],
    limits: Limits,
) -> Wanted:
    """The derivative that `meant` (without names) is, once `hints` are known and a form is chosen."""
    concrete: Format | None = None if form == "plain" else form
    resolved = answered(meant, width=hints.width, dpr=hints.dpr or 1.0, format=concrete, limits=limits)
    return wanted_exactly(address, essence(resolved), form, layers)


def wanted_exactly(
    address: BlobAddress, transformation: Transformation, form: Form, layers: tuple[Layer, ...]
) -> Wanted:
    """The same of a transformation that is resolved already."""
    name = _name(transformation, form, [layer.address.handle.sha256 for layer in layers])
    key = DerivativeKey(address.bucket, address.handle.sha256, name)
    return Wanted(address, transformation, form, layers, key)


def _name(transformation: Transformation, form: Form, layers: list[str]) -> str:
    """A layer's public_id may mean other bytes tomorrow: its hash is part of the name, which only a node
    finds then. So is the open choice between jpg and png."""
    if layers:
        text = "\n".join([canonical(transformation), *layers])
        return f"~{hashlib.sha256(text.encode()).hexdigest()}.{form}"
    return derivative_path(transformation, form)


def layer_names(transformation: Transformation) -> tuple[str, ...]:
    """The public_ids of its image layers, each once, in their order."""
    return tuple(dict.fromkeys(_layer_names(transformation)))


def _layer_names(transformation: Transformation) -> Iterator[str]:
    for step in transformation.steps:
        if isinstance(step, Overlay) and isinstance(step.source, ImageLayer):
            yield step.source.public_id


def is_mutable(transformation: Transformation) -> bool:
    """Whether the same URL may show something else one day: a name, a layer, a fallback can change."""
    named = any(isinstance(step, Named) for step in transformation.steps)
    return named or transformation.fallback is not None or bool(layer_names(transformation))


def without_fallback(transformation: Transformation) -> Transformation:
    """What is done to the fallback itself."""
    return replace(transformation, fallback=None)
