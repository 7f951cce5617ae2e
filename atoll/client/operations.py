"""`Operations`: what operators ask of a cluster, over its query services. Proof, repair, membership, backup.

`AsyncClient.operations` gives one. Raises what the services say, as every part of the client does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

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
from atoll.client.query import QueryServices
from atoll.client.resolving import id_segment
from atoll.errors import NotFound
from atoll.model import Node, ReplicaSet
from atoll.node_api import AssetView
from atoll.scrub_api import ScrubStatus

S = TypeVar("S", VerifySurvey, CatalogSurvey)

DEEP_SECONDS = 600.0  # all nodes read and hash a 256th of what they hold meanwhile
BRANCH_SECONDS = 120.0
DRAIN_SECONDS = 90.0  # a comparison of all of a node takes the service 30 s, a deep look 60 s at most


class ScrubView(Struct, frozen=True):
    """The scrubbing of all nodes; `unasked`: who gave no answer, and why."""

    nodes: tuple[ScrubStatus, ...] = ()
    unasked: dict[str, str] = {}


class Invitation(Struct, frozen=True):
    """A join token, shown once; `expires_at` as RFC 3339."""

    token: str
    node: str
    region: str
    set: str
    expires_at: str


class Operations:
    """Needs a key with the scope `admin`, or `read` where nothing is changed."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def receipt(self, asset_id: str) -> Receipt:
        """Which nodes hold the asset, or removed it, asked now; `NotFound` when no node ever knew it."""
        return await self._query.call("GET", f"/v1/assets/{id_segment(asset_id)}/receipt", Receipt)

    async def verify(self, asset_id: str, *, deep: bool = False) -> AssetVerdict:
        """The proof for one asset; `deep`: every node reads and hashes the bytes now."""
        path = f"/v1/assets/{id_segment(asset_id)}/verify"
        params = {"deep": "true"} if deep else {}
        return await self._query.call("GET", path, AssetVerdict, params=params, seconds=DRAIN_SECONDS)

    async def restore(self, asset_id: str) -> AssetView:
        """Bring a deleted asset back from the trash, as a new version; `Gone` when it was erased."""
        path = f"/v1/assets/{id_segment(asset_id)}/restore"
        return await self._query.call("POST", path, AssetView, seconds=DRAIN_SECONDS)

    async def verify_branch(self, set_name: str, branch: int, *, deep: bool = False) -> VerifiedBranch:
        """The proof over one of the 256 branches of a set."""
        order = {"set": set_name, "branch": f"{branch:02x}", "deep": deep}
        seconds = DEEP_SECONDS if deep else BRANCH_SECONDS
        return await self._query.call("POST", "/v1/verify", VerifiedBranch, body=order, seconds=seconds)

    async def verify_survey(self, set_name: str, *, deep: bool = False) -> VerifySurvey:
        """What of a set need not be walked; with services of an earlier release all of it is to be."""
        order = {"set": set_name, "deep": deep}
        return await self._survey("/v1/verify/survey", VerifySurvey, order)

    async def catalog_survey(self, set_name: str) -> CatalogSurvey:
        """The same for the catalog's check and rebuild."""
        return await self._survey("/v1/catalog/survey", CatalogSurvey, {"set": set_name})

    async def _survey(self, path: str, kind: type[S], order: dict[str, Any]) -> S:
        try:
            return await self._query.call("POST", path, kind, body=order, seconds=BRANCH_SECONDS)
        except NotFound:
            return kind(set=order["set"])

    async def catalog_branch(self, set_name: str, branch: int, *, rebuild: bool) -> CatalogBranch:
        """The catalog compared with the nodes in one branch of a set, and mended if `rebuild`."""
        order = {"set": set_name, "branch": f"{branch:02x}"}
        path = f"/v1/catalog/{'rebuild' if rebuild else 'check'}"
        return await self._query.call("POST", path, CatalogBranch, body=order, seconds=BRANCH_SECONDS)

    async def change_node(
        self, name: str, state: Literal["active", "draining", "removed"], *, force: bool = False
    ) -> Node:
        """Drain a node, take it back, or remove it; `Conflict` says what must come first."""
        body = {"state": state, "force": force}
        path = f"/v1/nodes/{quote(name, safe='')}"
        return await self._query.call("PATCH", path, Node, body=body, seconds=DRAIN_SECONDS)

    async def drain(self, name: str) -> Drain:
        """How much of a node is confirmed on the others, asked now."""
        path = f"/v1/nodes/{quote(name, safe='')}/drain"
        return await self._query.call("GET", path, Drain, seconds=DRAIN_SECONDS)

    async def invite(self, node: str, region: str, set_name: str, seconds: int = 3600) -> Invitation:
        """A token with which one machine may join as this node; earlier ones for it are worthless."""
        order = {"node": node, "region": region, "set": set_name, "expires_in": seconds}
        return await self._query.call("POST", "/v1/join-tokens", Invitation, body=order)

    async def seal_set(self, name: str, *, sealed: bool) -> ReplicaSet:
        """A sealed set takes no new images and goes on serving."""
        path = f"/v1/sets/{quote(name, safe='')}"
        return await self._query.call("PATCH", path, ReplicaSet, body={"sealed": sealed})

    async def scrub(self) -> ScrubView:
        """How far every node is with reading its blobs again."""
        return await self._query.call("GET", "/v1/scrub", ScrubView)

    async def pause_scrub(self, *, paused: bool, nodes: Sequence[str] = ()) -> ScrubView:
        """Pause or resume the reading, on these nodes or on all."""
        body = {"paused": paused, "nodes": list(nodes)}
        return await self._query.call("POST", "/v1/scrub", ScrubView, body=body)

    async def backup(self) -> dict[str, Any]:
        """Regions, sets, buckets and hashed keys, as a document that `put_back` takes."""
        return await self._query.call("GET", "/v1/backup", dict[str, Any])

    async def put_back(self, backup: bytes) -> PutBack:
        """Write what the cluster lacks of a backup; nothing is overwritten."""
        return await self._query.call(
            "PUT", "/v1/backup", PutBack, body=msgspec.Raw(backup), seconds=BRANCH_SECONDS
        )
