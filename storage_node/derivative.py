"""What a derivative is to a node: its key, its facts, and the signal that a kept one is no good.

Also how facts are found out and compared, for whoever has the bytes: nothing is believed but a digest.
"""

from __future__ import annotations

from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from atoll import names
from atoll.transformation.steps import Format
from storage_node.render_protocol import Rendered

_LONGEST_NAME = 3000  # bytes; PATH_MAX is 4096 with the data directory


class DerivativeKey(NamedTuple):
    """One derivative: the blob it is made of, and `atoll.transformation.files.derivative_path` of how."""

    bucket: str
    sha256: str
    name: str

    @property
    def facts(self) -> dict[str, str]:
        """For a log record, where `name` is taken."""
        return {"bucket": self.bucket, "sha256": self.sha256, "derivative": self.name}


def check_key(key: DerivativeKey) -> DerivativeKey:
    """ValueError for a key that leads anywhere but into its blob's folder, and `BadName`."""
    names.check_bucket(key.bucket)
    names.check_sha256(key.sha256)
    parts = set(key.name.split("/"))
    if len(key.name.encode()) > _LONGEST_NAME or "\0" in key.name or {"", ".", ".."} & parts:
        raise ValueError(f"no derivative has the name {key.name[:80]!r}")
    return key


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


def date_of(derivative: Derivative) -> int:
    """The modification time (Unix seconds, 31 bits) that its file gets: of its digest, not of any clock.

    A static web server makes an entity tag of a file's date and size: so all that stand before nodes which
    have these bytes say the same one, and another one for others.
    """
    return int(derivative.digest[:8], 16) & 0x7FFF_FFFF


class BadDerivative(Exception):
    """What is kept is not what was rendered, or not there any more. It was dropped: render anew.

    Not in the tree of errors that clients see, as `BadCopy`.
    """

    def __init__(self, key: DerivativeKey, reason: str) -> None:
        super().__init__(f"{key.bucket}/{key.sha256}/{key.name}: {reason}")
        self.key, self.reason = key, reason


class DerivativeUsage(Struct, frozen=True):
    """A store's figures. `bytes` is what its quota is held against: whole blocks of the file system.

    `bad`: found not to be what was rendered. `unkept`: served, and not kept for want of room or by a failure.
    """

    bytes: int
    count: int
    evictions: int
    bad: int
    unkept: int


def facts_of(
    key: DerivativeKey, staged: Path, rendered: Rendered, layers: tuple[str, ...]
) -> tuple[Derivative, bytes]:
    """The facts of a file that was just rendered, and its bytes. `BadDerivative` when they do not agree."""
    try:
        data = staged.read_bytes()
    except OSError as error:
        raise BadDerivative(key, error.strerror or "cannot be read") from error
    if len(data) != rendered.size_bytes:
        raise BadDerivative(key, "has another size than was told")
    derivative = Derivative(
        *key,
        size=len(data),
        digest=sha256_of(data).hexdigest(),
        format=rendered.format,
        width=rendered.width,
        height=rendered.height,
        frames=rendered.frames,
        focus_missing=rendered.focus_missing,
        cost_seconds=rendered.seconds,
        layers=layers,
    )
    return derivative, data


def difference(told: Derivative, data: bytes) -> str | None:
    """How `data` is not what `told` says."""
    if len(data) != told.size:
        return "has another size than was told"
    return None if sha256_of(data).hexdigest() == told.digest else "has another digest than was told"
