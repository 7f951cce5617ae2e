"""What the nodes of a set testify about one asset, and what follows from it. Pure.

Two kinds of receipt: that a node holds the bytes (since when, last verified when), and that it removed
them after a delete (when out of service, when erased). The verdict is `complete` only when every member of
the set was asked and its receipt is of the right kind; silence is never taken for consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from atoll.model import Node
from atoll.node_api import rfc3339
from atoll.repair_api import HeldReceipt, NodeReceipt, RemovedReceipt

State = Literal["stored", "deleted", "unknown"]


class HeldView(Struct, frozen=True):
    """A node holds a version's bytes."""

    version: str
    sha256: str
    durable_since: str
    verified_at: str


class RemovedView(Struct, frozen=True):
    """A node removed a deleted version's bytes; `shared`: another asset uses the same bytes, they stay.

    `erased_at` is None while they lie in the trash, from where the asset can be restored.
    """

    sha256: str
    removed_at: str
    erased_at: str | None
    shared: bool


class NodeReceiptView(Struct, frozen=True):
    """One node's testimony; `unasked` says why there is none."""

    node: str
    region: str
    held: list[HeldView]
    deleted_at: str | None
    removed: list[RemovedView]
    unasked: str | None = None


class ReceiptView(Struct, frozen=True):
    """All nodes' testimony. `missing`: nodes that were asked and do not testify what `state` demands."""

    asset_id: str
    state: State
    complete: bool
    set: str
    version: str | None
    sha256: str | None
    missing: list[str]
    unasked: list[str]
    nodes: list[NodeReceiptView]


def judge(
    asset_id: str,
    set_name: str,
    members: Sequence[Node],
    said: Mapping[str, NodeReceipt],
    unasked: Mapping[str, str],
) -> ReceiptView:
    """The verdict over the members of the asset's set.

    A version of which nodes have the record, and nobody the bytes, is neither stored nor deleted: `unknown`.
    """
    newest = max((h for r in said.values() for h in r.held), key=lambda h: h.version, default=None)
    stone = max((r.tombstone.version for r in said.values() if r.tombstone), default="")
    lost = max((version for r in said.values() for version in r.lacking), default="")
    state: State = _state(newest, stone, lost)
    current = newest if state == "stored" else None
    asked = [member for member in members if member.name in said]
    missing = [m.name for m in asked if not _testifies(said[m.name], state, current, stone)]
    return ReceiptView(
        asset_id=asset_id,
        state=state,
        complete=state != "unknown" and not missing and not unasked,
        set=set_name,
        version=current.version if current else stone or None,
        sha256=current.sha256 if current else None,
        missing=missing,
        unasked=sorted(unasked),
        nodes=[_node_view(member, said.get(member.name), unasked.get(member.name)) for member in members],
    )


def _state(newest: HeldReceipt | None, stone: str, lost: str) -> State:
    if lost > max(stone, newest.version if newest else ""):
        return "unknown"
    if newest and newest.version > stone:
        return "stored"
    return "deleted" if stone else "unknown"


def _testifies(receipt: NodeReceipt, state: State, current: HeldReceipt | None, stone: str) -> bool:
    if state == "stored" and current:
        return any(h.version == current.version and h.sha256 == current.sha256 for h in receipt.held)
    if state == "deleted":
        known = receipt.tombstone.version if receipt.tombstone else ""
        return known >= stone and not receipt.held
    return False


def _node_view(node: Node, receipt: NodeReceipt | None, reason: str | None) -> NodeReceiptView:
    if receipt is None:
        return NodeReceiptView(node.name, node.region, [], None, [], reason or "It was not asked.")
    applied = receipt.applied_at
    return NodeReceiptView(
        node=node.name,
        region=node.region,
        held=[_held(h) for h in receipt.held],
        deleted_at=rfc3339(applied) if applied is not None else None,
        removed=[_removed(r) for r in receipt.removed],
    )


def _held(receipt: HeldReceipt) -> HeldView:
    return HeldView(
        receipt.version, receipt.sha256, rfc3339(receipt.fsynced_at), rfc3339(receipt.verified_at)
    )


def _removed(receipt: RemovedReceipt) -> RemovedView:
    erased = rfc3339(receipt.purged_at) if receipt.purged_at is not None else None
    return RemovedView(receipt.sha256, rfc3339(receipt.removed_at), erased, receipt.shared)
