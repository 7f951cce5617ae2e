"""Edits of assets on this node: the route, and one commit each. Types: atoll/asset_edits.py.

Durable before the answer; events and tombstones in the same commit. What an edit deletes leaves the disk as
after any delete (removals.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from aiohttp import web

from atoll.asset_edits import PATH, Copy, Describe, Edit, EditResult, ForgetVersion, Rename, Rollback
from atoll.errors import AtollError, Conflict
from atoll.http import json_response, read_json
from storage_node.bucket_gate import BucketGate
from storage_node.edit_copy import copy, rename
from storage_node.edit_describe import describe
from storage_node.edit_forget import forget_version
from storage_node.edit_rollback import roll_back
from storage_node.index import Index
from storage_node.index_naming import without_older
from storage_node.index_writer import Operation
from storage_node.internal_auth import InternalAuth
from storage_node.origin import Origin
from storage_node.peers import MapView
from storage_node.removals import Removals

log = logging.getLogger(__name__)


class AssetEdits:
    """`writers` wait for the index; `trash_seconds` is for versions that a bucket does not keep."""

    def __init__(
        self,
        index: Index,
        origin: Origin,
        cluster: MapView,
        removals: Removals,
        writers: Executor,
        trash_seconds: int,
    ) -> None:
        self._index, self._origin, self._removals, self._writers = index, origin, removals, writers
        self._cluster, self._gate, self._trash_seconds = cluster, BucketGate(origin, cluster), trash_seconds

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve the one path."""
        app.router.add_post(PATH, auth.guard(self._handle))

    async def _handle(self, request: web.Request) -> web.Response:
        order: Edit = await read_json(request, Edit)  # type: ignore[arg-type]  # a tagged union
        return json_response(await self.order(order))

    async def order(self, edit: Edit) -> EditResult:
        """Do it; durable on return. `NotFound`, `AlreadyExists`, `Conflict`, `Unavailable` without bytes."""
        if edit.set != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=edit.set)
        operation = self._operation(edit)
        work: Callable[[], EditResult] = lambda: self._index.write(operation).result()  # noqa: E731 - typed
        result = await asyncio.get_running_loop().run_in_executor(self._writers, work)
        if result.tombstones:
            await self._remove_now()
        return result

    def _operation(self, edit: Edit) -> Operation[EditResult]:
        """The edit, held to the policy of its bucket if it adds anything."""
        operation = operation_of(edit, self._origin)
        if not isinstance(edit, Rollback | Copy | Rename) or edit.bucket is None:
            return operation
        policy = self._cluster.current.buckets.get(edit.bucket)
        if policy is not None and not policy.versioning:
            operation = without_older(operation, self._origin, self._trash_seconds)
        return self._gate.guarded(operation, edit.bucket)

    async def _remove_now(self) -> None:
        try:
            await self._removals.resume()
            await self._removals.purge()
        except AtollError as error:
            log.error("a deleted version's file is removed later: %s", error.detail)


def operation_of(edit: Edit, origin: Origin) -> Operation[EditResult]:
    """What the group commit does for an edit."""
    match edit:
        case Rollback():
            return roll_back(edit, origin)
        case Copy():
            return copy(edit, origin)
        case Rename():
            return rename(edit, origin)
        case ForgetVersion():
            return forget_version(edit, origin)
        case Describe():
            return describe(edit, origin)
