"""What nodes tell of their trash: deleted assets that can still be restored. Wire types; pure.

Pages are in one order on every node, those first that stay the longest, so that a query service can lay the
pages of several nodes over each other: a place in it is `place_of`, and greater places come first.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from atoll.model import AssetRecord, BucketName, Label, Milliseconds

MAX_TRASHED = 500  # of a page: with long words it has 8 MiB, which is what an answer may have
MAX_PREFIX = 512

Place = Annotated[str, Meta(pattern=r"^[0-9]{14}[0-9a-z]{26}$(?!\n)")]


class TrashOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """To a node: what of a bucket is in the trash behind a place; None: from the beginning."""

    bucket: BucketName
    prefix: Annotated[str, Meta(max_length=MAX_PREFIX)] = ""
    after: Place | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_TRASHED)] = MAX_TRASHED


class Trashed(Struct, frozen=True):
    """A deleted asset: the version that a restore brings back, and until when (Unix ms) it can."""

    record: AssetRecord
    deleted_at: Milliseconds
    purge_at: Milliseconds

    @property
    def place(self) -> str:
        """Where it stands in the order."""
        return place_of(self.purge_at, self.record.asset_id)


class TrashPage(Struct, frozen=True):
    """A node's answer. `reached`: how far it looked, for it did not look at all; None: that is the end."""

    node: Label
    assets: tuple[Trashed, ...]
    reached: Place | None


def place_of(purge_at: int, asset_id: str) -> str:
    """A place, as text that compares as the order does."""
    return f"{purge_at:014d}{asset_id}"


def read_place(place: str) -> tuple[int, str]:
    """`purge_at` and asset id."""
    return int(place[:14]), place[14:]
