"""What the query service says of versions, as the client reads it. Pure."""

from __future__ import annotations

from msgspec import Struct

from atoll.node_api import AssetView


class VersionView(AssetView, frozen=True, kw_only=True):
    """One version of an asset. `version` is its id; `current`: it is what the asset's name shows."""

    current: bool = False


class VersionPage(Struct, frozen=True):
    """A page of versions, newest first."""

    versions: tuple[VersionView, ...]
    next_cursor: str | None = None


class DeletedVersion(Struct, frozen=True):
    """A version that is gone for good. `current`: the version shown now; None: it was the last one."""

    asset_id: str
    version: str
    deleted_at: str = ""
    node: str = ""
    current: str | None = None
