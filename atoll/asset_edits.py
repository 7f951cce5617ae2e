"""Edits of assets: what a query service orders a node to do with an asset's records. Wire types. Pure.

An edit makes new records and tombstones, never bytes: it is durable on one node, like an upload, before it is
answered, and travels as records and tombstones do. Sent by query_service/edits.py, done by
storage_node/asset_edits.py. `POST /internal/v1/asset-edits` takes any of `Edit` and answers `EditResult`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from atoll.descriptions import Patch
from atoll.model import AssetRecord, BucketName, Identifier, Label, Tombstone

PATH = "/internal/v1/asset-edits"

NewName = Annotated[str, Meta(min_length=1, max_length=1024)]


class _Edit(Struct, frozen=True, tag_field="edit", kw_only=True):
    """To any node of a set that has records of the asset.

    `seen`: the newest version that whoever orders has seen. What an edit makes is newer, even if the node has
    not heard of that version yet.
    """

    asset_id: Identifier
    set: Label
    seen: Identifier | None = None


class _Adding(_Edit, frozen=True, kw_only=True):
    """An edit that adds a version, and so is held to the policy of its bucket (None: to none)."""

    bucket: BucketName | None = None


class Rollback(_Adding, frozen=True, tag="rollback", kw_only=True):
    """A new version with the bytes and the description of an older one."""

    version: Identifier


class Target(Struct, frozen=True):
    """The name that an asset gets. `seen` as in every edit, of what had this name before."""

    asset_id: Identifier
    public_id: NewName
    seen: Identifier | None = None


class Copy(_Adding, frozen=True, tag="copy", kw_only=True):
    """A new version of `to` with the bytes and the description of a version (None: the current one).

    Without `overwrite` it is refused (`AlreadyExists`) where the node knows an asset of that name.
    """

    to: Target
    version: Identifier | None = None
    overwrite: bool = False


class Rename(_Adding, frozen=True, tag="rename", kw_only=True):
    """All versions of the asset become versions of `to`, in their order, and the asset is deleted."""

    to: Target
    overwrite: bool = False


class ForgetVersion(_Edit, frozen=True, tag="forget_version", kw_only=True):
    """Delete one version for good; the one before it is the current one if this was."""

    version: Identifier


class Describe(_Edit, frozen=True, tag="describe", kw_only=True):
    """Other words for the current version. A node that has not heard of `seen` refuses (`Conflict`).

    `expected`: only if this is the current record's version (`PreconditionFailed`).
    """

    patch: Patch
    expected: Identifier | None = None


Edit = Rollback | Copy | Rename | ForgetVersion | Describe


class EditResult(Struct, frozen=True):
    """What the edit made, durable on `node`: records, oldest first, and tombstones."""

    node: Label
    records: tuple[AssetRecord, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
