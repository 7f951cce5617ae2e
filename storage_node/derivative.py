"""What a derivative is to a node: its key, its facts, and the signal that a kept one is no good. Pure."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from atoll.transformation.steps import Format


class DerivativeKey(NamedTuple):
    """One derivative: the blob it is made of, and `atoll.transformation.files.derivative_path` of how."""

    bucket: str
    sha256: str
    name: str


class Derivative(Struct, frozen=True):
    """A derivative's facts. `digest`: SHA-256 (hex) of its `size` bytes.

    `cost_seconds`: what making it took. `layers`: the sha256s of the blobs laid over the source, of the same
    bucket. `focus_missing`: see `Rendered`.
    """

    bucket: str
    sha256: str
    name: str
    size: int
    digest: str
    format: Format
    width: int
    height: int
    frames: int
    focus_missing: bool
    cost_seconds: float
    layers: tuple[str, ...] = ()

    @property
    def key(self) -> DerivativeKey:
        """What it is found by."""
        return DerivativeKey(self.bucket, self.sha256, self.name)

    @property
    def blobs(self) -> frozenset[tuple[str, str]]:
        """(bucket, sha256) of all blobs it is made of: when one of them leaves, it leaves."""
        return frozenset((self.bucket, sha256) for sha256 in (self.sha256, *self.layers))


class BadDerivative(Exception):
    """What is kept is not what was rendered, or not there any more. It was dropped: render anew.

    Not in the tree of errors that clients see, as `BadCopy`.
    """

    def __init__(self, key: DerivativeKey, reason: str) -> None:
        super().__init__(f"{key.bucket}/{key.sha256}/{key.name}: {reason}")
        self.key, self.reason = key, reason
