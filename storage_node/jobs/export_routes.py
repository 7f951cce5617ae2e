"""GET /v1/exports/{name}: the file an export made, for whoever has its signed URL; and the sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from atoll.errors import NotFound
from atoll.transformation.signature import Claim
from storage_node.delivery_access import DeliveryAccess
from storage_node.jobs.export_files import ExportFiles

SWEEP_SECONDS = 30.0


class _Archive(web.FileResponse):
    """Says no `Last-Modified`: the time on the file is that of its end (export_files.py), and one that is
    ahead is forbidden (RFC 9110, 8.8.2.1). The ETag is enough for going on with a broken download."""

    @property
    def last_modified(self) -> datetime | None:
        """Unsaid."""
        return None

    @last_modified.setter
    def last_modified(self, value: float | datetime | str | None) -> None:
        """aiohttp sets it from the file."""


class ExportRoutes:
    """`access` knows the signing keys; `now_ms`: Unix milliseconds."""

    def __init__(self, files: ExportFiles, access: DeliveryAccess, now_ms: Callable[[], int]) -> None:
        self._files, self._access, self._now_ms = files, access, now_ms

    def add_routes(self, app: web.Application) -> None:
        """The one route."""
        app.router.add_get("/v1/exports/{name}", self.download)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The file; ranges are served, so a broken download goes on."""
        self._access.check(request, request.path, Claim.of(request.query))
        name = request.match_info["name"]
        expires_at = await asyncio.to_thread(self._files.expires_at, name)
        if expires_at is None or expires_at <= self._now_ms():
            raise NotFound(
                "There is no such file any more: exports are kept for a while only, and none with an image"
                " that was erased. Order it again."
            )
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return _Archive(self._files.path(name), headers=headers)

    async def sweep(self) -> None:
        """Remove what has expired, for ever."""
        while True:
            await asyncio.to_thread(self._files.sweep, self._now_ms() / 1000)
            await asyncio.sleep(SWEEP_SECONDS)
