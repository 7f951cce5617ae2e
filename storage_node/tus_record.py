"""What a node remembers of one resumable upload, on disk as well. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from atoll.model import AssetRecord, Milliseconds, Size
from atoll.signing import Ticket

Kind = Literal["whole", "partial", "final"]


class TusRecord(Struct, frozen=True, kw_only=True):
    """`offset` is what may be told: so many bytes are durable, and – unless the upload is a part – it is
    `length` only once the asset is stored. `file`: which file of its ticket. `metadata`: as it was sent.
    """

    id: str
    kind: Kind
    ticket: Ticket
    file: int
    length: Size
    offset: int = 0
    metadata: str = ""
    parts: tuple[str, ...] = ()
    created_at: Milliseconds
    expires_at: Milliseconds
    stored: AssetRecord | None = None

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        return self.length - self.offset

    @property
    def open(self) -> bool:
        """Whether it takes room that its end will give back: no asset has come of it yet."""
        return self.stored is None

    def at(self, received: int) -> TusRecord:
        """With `received` bytes durable. A whole keeps its last byte back until it is an asset: a client that
        is told the full length thinks that it is done, and nobody would ever end the upload."""
        told = received if self.kind == "partial" else min(received, self.length - 1)
        return msgspec.structs.replace(self, offset=told)

    def ended(self, stored: AssetRecord) -> TusRecord:
        """The upload became this asset version."""
        return msgspec.structs.replace(self, offset=self.length, stored=stored)
