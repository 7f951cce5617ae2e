"""What the own node lacks, and what of it is ordered now. Pure.

Of the versions that only the peer has, those that a tombstone covers – ours or the peer's – are never pulled:
this is why a delete that one node slept through does not come back from it. An upload of the last moments is
left to its stream, which is faster; it is ordered here when the stream has not brought it by the next rounds.
A peer whose clock is ahead or behind costs nothing but an order too early: only a version that is young by
our own clock is left alone, never one from the future.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from atoll.ids import id_time_ms
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import AssetState
from atoll.repair_api import AssetItem
from atoll.tree_diff import LeafDifference


@dataclass(frozen=True)
class Lacking:
    """What one leaf shows to be missing: asset ids whose tombstone is, versions, and how many too fresh."""

    tombstones: frozenset[str] = frozenset()
    versions: frozenset[tuple[str, str]] = frozenset()
    fresh: int = 0

    @property
    def asset_ids(self) -> set[str]:
        """Whose states must be asked for."""
        return {*self.tombstones, *(asset_id for asset_id, _ in self.versions)}


def is_fresh(version: str, now_ms: int, grace_ms: int) -> bool:
    """Whether a version is so young that its stream may still bring it."""
    try:
        return 0 <= now_ms - id_time_ms(version) < grace_ms
    except ValueError:  # of another form than ours: its age says nothing
        return False


def lacking(difference: LeafDifference, now_ms: int, grace_ms: int) -> Lacking:
    """What the node here lacks of a leaf of `assets`."""
    own, theirs = _tombstones(difference.assets_here), _tombstones(difference.assets_there)
    stones, versions, fresh = set(), set(), 0
    for item in difference.missing_assets:
        if item.version <= own.get(item.asset_id, ""):
            continue
        if item.deleted:
            stones.add(item.asset_id)
        elif item.version <= theirs.get(item.asset_id, ""):
            continue
        elif is_fresh(item.version, now_ms, grace_ms):
            fresh += 1
        else:
            versions.add((item.asset_id, item.version))
    return Lacking(frozenset(stones), frozenset(versions), fresh)


def _tombstones(items: Iterable[AssetItem]) -> dict[str, str]:
    """By asset: up to which version it is deleted."""
    stones: dict[str, str] = {}
    for item in items:
        if item.deleted:
            stones[item.asset_id] = max(item.version, stones.get(item.asset_id, ""))
    return stones


def tombstone_of(asset_id: str, state: AssetState, wanted: Lacking) -> Tombstone | None:
    """The tombstone to apply, of what the peer says of an asset."""
    stone = state.tombstone
    return stone if stone and stone.asset_id == asset_id and asset_id in wanted.tombstones else None


def records_of(asset_id: str, state: AssetState, wanted: Lacking) -> list[AssetRecord]:
    """The records to pull, newest first; what was deleted since the walk passed is not among them."""
    deleted_up_to = state.tombstone.version if state.tombstone else ""
    return [
        record
        for record in state.records
        if record.asset_id == asset_id
        and (asset_id, record.version) in wanted.versions
        and record.version > deleted_up_to
    ]


def joined(parts: Iterable[Lacking]) -> Lacking:
    """Several leaves' as one."""
    parts = list(parts)
    return Lacking(
        frozenset().union(*(part.tombstones for part in parts)),
        frozenset().union(*(part.versions for part in parts)),
        sum(part.fresh for part in parts),
    )
