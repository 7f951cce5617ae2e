"""Receipts, verification and restore of one asset: /v1/assets/{asset_id}/receipt, …/verify, …/restore."""

from __future__ import annotations

from aiohttp import web

from atoll.http import json_response
from atoll.node_api import view_of
from query_service.asset_proof import AssetProof
from query_service.cluster_view import Views
from query_service.key_reach import check_found_by, limited_key
from query_service.query_input import asset_id_of, check_query, flag
from query_service.routing import Route


class ProofApi:
    """Shows what the nodes testify, asked now."""

    def __init__(self, proof: AssetProof, views: Views) -> None:
        self._proof, self._views = proof, views

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/assets/{asset_id}/receipt", "read", self.receipt, reach="inside"),
            Route("GET", "/v1/assets/{asset_id}/verify", "read", self.verify, reach="inside"),
            Route(
                "POST", "/v1/assets/{asset_id}/restore", "delete", self.restore, reach="inside", audit=True
            ),
        ]

    async def receipt(self, request: web.Request) -> web.Response:
        """Storing and delete receipts of every node of the set."""
        check_query(request, ())
        asset_id = await self._in_reach(request)
        return json_response(await self._proof.receipt(asset_id), headers=_FRESH)

    async def verify(self, request: web.Request) -> web.Response:
        """The same as a proof; with `deep=true` every node reads and hashes the bytes now."""
        check_query(request, {"deep"})
        asset_id = await self._in_reach(request)
        if flag(request, "deep"):
            return json_response(await self._proof.deep(asset_id), headers=_FRESH)
        receipt = await self._proof.receipt(asset_id)
        return json_response({"receipt": receipt, "proven": receipt.complete, "found": {}}, headers=_FRESH)

    async def restore(self, request: web.Request) -> web.Response:
        """The asset as it lives again, as a new version."""
        check_query(request, ())
        result = await self._proof.restore(await self._in_reach(request))
        node = self._views.current().cluster.node(result.node)
        return json_response(view_of(result.asset, node.url))

    async def _in_reach(self, request: web.Request) -> str:
        """The asset's id; `NotFound` where a limited key does not reach. Its names are the nodes' word."""
        asset_id = asset_id_of(request)
        if key := limited_key(request):
            check_found_by(key, asset_id, await self._proof.names(asset_id))
        return asset_id


_FRESH = {"Cache-Control": "no-store"}
