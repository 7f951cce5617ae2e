"""POST /v1/assets/{asset_id}/rename and …/copy: other names for the same bytes, which stay where they are.

Owns the two routes. Both names are held against the key. A rename also deletes, so that the key needs that
scope as well; a copy also reads. Between buckets nothing is copied: bytes are never shared there.
"""

from __future__ import annotations

from aiohttp import web

from atoll.asset_edits import Copy, EditResult, Rename, Target
from atoll.errors import NotFound
from atoll.http import json_response, read_json
from atoll.model import AssetRecord
from atoll.node_api import rfc3339
from query_service.catalog import Catalog
from query_service.clients import PARAMETERS, Clients
from query_service.deletes import Departed
from query_service.edit_answers import EditAnswers, check_scope
from query_service.edit_subjects import EditSubjects
from query_service.edits import Edits
from query_service.query_input import asset_id_of, check_query
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.version_wire import CopyOrder, RenameOrder
from query_service.wire import DeletedView


class NamesApi:
    """Gives names."""

    def __init__(
        self,
        catalog: Catalog,
        subjects: EditSubjects,
        edits: Edits,
        departed: Departed,
        resolver: Resolver,
        clients: Clients,
        max_json_bytes: int,
    ) -> None:
        self._catalog, self._subjects, self._edits, self._departed = catalog, subjects, edits, departed
        self._answers, self._max_json_bytes = EditAnswers(resolver, clients), max_json_bytes

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("POST", "/v1/assets/{asset_id}/rename", "write", self.rename, reach="inside"),
            Route("POST", "/v1/assets/{asset_id}/copy", "write", self.copy, reach="inside"),
        ]

    async def copy(self, request: web.Request) -> web.Response:
        """201 with the copy."""
        check_query(request, PARAMETERS)
        check_scope(request, "read")
        order = await read_json(request, CopyOrder, self._max_json_bytes)
        asset = await self._subjects.asset(request, asset_id_of(request))
        source = asset
        if order.version is not None:
            source = await self._subjects.version(request, asset, order.version)
        record = source.record
        to = await self._subjects.target(request, record, order.public_id, overwrite=order.overwrite)
        result = await self._edits.order(
            Copy(
                asset_id=record.asset_id,
                set=record.set,
                bucket=record.bucket,
                to=to,
                version=record.content_version if order.version else None,
                overwrite=order.overwrite,
            )
        )
        return json_response(self._answers.view(request, result.records[-1], source.locations), 201)

    async def rename(self, request: web.Request) -> web.Response:
        """The asset under its new name, with all its versions. Repeating it gives what it gave."""
        check_query(request, PARAMETERS)
        check_scope(request, "delete")
        order = await read_json(request, RenameOrder, self._max_json_bytes)
        try:
            asset = await self._subjects.asset(request, asset_id_of(request))
        except NotFound:  # its answer may have been lost
            there = await self._subjects.renamed(request, asset_id_of(request), order.public_id)
            return json_response(self._answers.view(request, there.record, there.locations))
        to = await self._subjects.target(request, asset.record, order.public_id, overwrite=order.overwrite)
        result = await self._rename(asset.record, to, overwrite=order.overwrite)
        for stone in result.tombstones:
            deleted_at = rfc3339(stone.deleted_at)
            self._departed.add(stone, DeletedView(stone.asset_id, deleted_at, result.node))
        return json_response(self._answers.view(request, result.records[-1], asset.locations))

    async def _rename(self, record: AssetRecord, to: Target, *, overwrite: bool) -> EditResult:
        """In every set that has records of it, the one with the current version last: so it stays that."""
        sets = {record.set: record.version, **await self._catalog.sets_of(record.asset_id)}
        result: EditResult | None = None
        for name in sorted(sets, key=lambda name: sets[name]):
            result = await self._edits.order(
                Rename(
                    asset_id=record.asset_id,
                    set=name,
                    bucket=record.bucket,
                    to=to,
                    overwrite=overwrite or result is not None,
                )
            )
            to = Target(to.asset_id, to.public_id, result.records[-1].version)
        assert result is not None, "there is at least the set of the record"
        return result
