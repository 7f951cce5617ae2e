"""Derivatives kept on the node's disk. Owns `<data>/derivatives/`: files, bookkeeping, quota, eviction.

    <data>/derivatives/<bucket>/<ab>/<sha256>/<name>      files a static server can serve
    <data>/derivatives/derivatives.db                     what is known of them; may be lost at any time

Everything here can be made again, so every failure is answered by keeping less, never by failing a request.
Only what the bookkeeping knows with a digest is served, and only bytes that have this digest. Refuses to
decide whether a derivative is wanted or may be seen: callers do. Called by delivery, removals, quarantine.

All methods block and run in the node's threads; they are thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from storage_node.derivative import BadDerivative, Derivative, DerivativeKey
from storage_node.render_protocol import Rendered

__all__ = ["BadDerivative", "Derivative", "DerivativeKey", "DerivativeStore", "DerivativeUsage"]


class DerivativeUsage(Struct, frozen=True):
    """Figures. `bytes` is what the quota is held against: whole blocks of the file system."""

    bytes: int
    count: int
    evictions: int
    bad: int
    unkept: int


class DerivativeStore:
    """`root` is the data directory, `quota` bytes (0: nothing is kept).

    `room(size)` says whether the disk may take `size` more bytes; from any thread.
    """

    def __init__(self, root: Path, quota: int, room: Callable[[int], bool] = lambda _: True) -> None:
        raise NotImplementedError

    @property
    def drops(self) -> int:
        """How often blobs left so far. A maker reads it before he looks for source and layers, and hands it
        to `keep`: what was made of a blob that left meanwhile is not kept."""
        raise NotImplementedError

    def find(self, key: DerivativeKey) -> Derivative | None:
        """What is kept; counts as asked for. None as well when the bookkeeping is out of order."""
        raise NotImplementedError

    def read(self, found: Derivative) -> bytes:
        """The bytes, verified. `BadDerivative`: it was dropped, render anew."""
        raise NotImplementedError

    def path(self, key: DerivativeKey) -> Path:
        """Where it lies when it is kept. ValueError for a name that leads elsewhere."""
        raise NotImplementedError

    def stage(self) -> Path:
        """A new path for a renderer's output (`Order.output`), on the same file system; cleared at start.
        Whoever asks for it ends in `keep`, which takes it, or removes it."""
        raise NotImplementedError

    def keep(
        self, key: DerivativeKey, staged: Path, rendered: Rendered, layers: tuple[str, ...], seen_drops: int
    ) -> tuple[Derivative, bytes]:
        """Take a rendered file in; its facts and bytes, whether it could be kept or not.

        Only for sources of the node's own set: deletes of others are not announced here (`describe` gives
        the same without keeping). `staged` is gone afterwards. `BadDerivative` when it cannot be read or is
        not as `rendered` says.
        """
        raise NotImplementedError

    def describe(
        self, key: DerivativeKey, staged: Path, rendered: Rendered, layers: tuple[str, ...]
    ) -> tuple[Derivative, bytes]:
        """As `keep`, and nothing is kept; `staged` is gone afterwards."""
        raise NotImplementedError

    def adopt(self, derivative: Derivative, data: bytes, seen_drops: int) -> bool:
        """Keep what a peer rendered; whether it is kept. `BadDerivative` when the bytes are not as told."""
        raise NotImplementedError

    def drop(self, bucket: str, sha256: str) -> None:
        """A blob left: remove, durably, all derivatives whose source or layer it is, and whatever is being
        made of it. May be repeated. `StoreFailed`, `NoSpace` when the disk refuses."""
        raise NotImplementedError

    def usage(self) -> DerivativeUsage:
        """Figures for metrics and heartbeats; does not touch the disk."""
        raise NotImplementedError

    def close(self) -> None:
        """Write down what was asked for lately. Nothing is found or kept afterwards."""
        raise NotImplementedError
