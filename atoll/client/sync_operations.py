"""`operations` of the synchronous client: the same calls, waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from atoll.client.loop_thread import LoopThread
from atoll.client.operations import Invitation, Operations, ScrubView
from atoll.client.proof_views import (
    AssetVerdict,
    CatalogBranch,
    CatalogSurvey,
    Drain,
    PutBack,
    Receipt,
    VerifiedBranch,
    VerifySurvey,
)
from atoll.model import Node, ReplicaSet
from atoll.node_api import AssetView


class SyncOperations:
    """See `Operations`."""

    def __init__(self, thread: LoopThread, calls: Operations) -> None:
        self._thread, self._calls = thread, calls

    def receipt(self, asset_id: str) -> Receipt:
        """Which nodes hold the asset, or removed it, asked now."""
        return self._thread.run(self._calls.receipt(asset_id))

    def verify(self, asset_id: str, *, deep: bool = False) -> AssetVerdict:
        """The proof for one asset; `deep`: every node reads and hashes the bytes now."""
        return self._thread.run(self._calls.verify(asset_id, deep=deep))

    def restore(self, asset_id: str) -> AssetView:
        """Bring a deleted asset back from the trash, as a new version."""
        return self._thread.run(self._calls.restore(asset_id))

    def verify_branch(self, set_name: str, branch: int, *, deep: bool = False) -> VerifiedBranch:
        """The proof over one of the 256 branches of a set."""
        return self._thread.run(self._calls.verify_branch(set_name, branch, deep=deep))

    def verify_survey(self, set_name: str, *, deep: bool = False) -> VerifySurvey:
        """What of a set need not be walked."""
        return self._thread.run(self._calls.verify_survey(set_name, deep=deep))

    def catalog_survey(self, set_name: str) -> CatalogSurvey:
        """The same for the catalog's check and rebuild."""
        return self._thread.run(self._calls.catalog_survey(set_name))

    def catalog_branch(self, set_name: str, branch: int, *, rebuild: bool) -> CatalogBranch:
        """The catalog compared with the nodes in one branch of a set, and mended if `rebuild`."""
        return self._thread.run(self._calls.catalog_branch(set_name, branch, rebuild=rebuild))

    def change_node(
        self, name: str, state: Literal["active", "draining", "removed"], *, force: bool = False
    ) -> Node:
        """Drain a node, take it back, or remove it."""
        return self._thread.run(self._calls.change_node(name, state, force=force))

    def drain(self, name: str) -> Drain:
        """How much of a node is confirmed on the others, asked now."""
        return self._thread.run(self._calls.drain(name))

    def invite(self, node: str, region: str, set_name: str, seconds: int = 3600) -> Invitation:
        """A token with which one machine may join as this node."""
        return self._thread.run(self._calls.invite(node, region, set_name, seconds))

    def seal_set(self, name: str, *, sealed: bool) -> ReplicaSet:
        """A sealed set takes no new images and goes on serving."""
        return self._thread.run(self._calls.seal_set(name, sealed=sealed))

    def scrub(self) -> ScrubView:
        """How far every node is with reading its blobs again."""
        return self._thread.run(self._calls.scrub())

    def pause_scrub(self, *, paused: bool, nodes: Sequence[str] = ()) -> ScrubView:
        """Pause or resume the reading, on these nodes or on all."""
        return self._thread.run(self._calls.pause_scrub(paused=paused, nodes=nodes))

    def backup(self) -> dict[str, Any]:
        """Regions, sets, buckets and hashed keys, as a document that `put_back` takes."""
        return self._thread.run(self._calls.backup())

    def put_back(self, backup: bytes) -> PutBack:
        """Write what the cluster lacks of a backup; nothing is overwritten."""
        return self._thread.run(self._calls.put_back(backup))
