"""What is asked and answered about versions and names of assets. Pure.

What is asked refuses unknown members, so that a misspelt `overwrite` is an error.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from atoll.node_api import AssetView
from query_service.wire import Text

VersionText = Annotated[str, Meta(pattern=r"^[0-9a-z]{26}$(?!\n)")]


class RollbackOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version to go back to."""

    version: VersionText


class RenameOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The new name in the same bucket. With `overwrite` an asset that has it gets new versions, else: 409."""

    public_id: Text
    overwrite: bool = False


class CopyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The copy's name in the same bucket, and what is copied: a version, or the current one."""

    public_id: Text
    version: VersionText | None = None
    overwrite: bool = False


class VersionView(AssetView, frozen=True, kw_only=True):
    """One version of an asset as last described. `current`: it is what the asset's name shows."""

    current: bool


class VersionList(Struct, frozen=True):
    """A page of versions, newest first. `next_cursor` asks for the next one."""

    asset_id: str
    versions: list[VersionView]
    next_cursor: str | None


class DeletedVersion(Struct, frozen=True):
    """A version that is deleted for good; durable on `node`, from where it travels. `current`: the version
    that the asset shows now; None: it was the last one."""

    asset_id: str
    version: str
    deleted_at: str
    node: str
    current: str | None
