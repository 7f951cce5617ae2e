"""What answers of the tus routes say in their headers: the protocol's, the asset's, what browsers need. Pure.

Which pages may ask is said by cors.py, for these routes as for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate

from aiohttp import web

from atoll.node_api import AssetView
from storage_node.tus_address import PREFIX
from storage_node.tus_headers import ALGORITHMS, EXTENSIONS, VERSION
from storage_node.tus_record import TusRecord
from storage_node.upload_answer import status_of

HERE = ("POST", "OPTIONS")  # of the creation
OF_ONE = ("HEAD", "PATCH", "DELETE", "GET", "OPTIONS")  # of one upload's own URL
METHODS = ("POST", *OF_ONE)
_SENT = (
    "Content-Type", "Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Concat",
    "Upload-Checksum", "Upload-Defer-Length", "X-HTTP-Method-Override", "X-Requested-With", "X-Request-ID",
)  # fmt: skip
_SHOWN = (
    "Location", "Retry-After", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size",
    "Tus-Checksum-Algorithm", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires",
    "Upload-Concat", "Upload-Asset-Id", "Upload-Asset-Version", "Upload-Asset-Sha256",
    "Upload-Asset-Complete",
)  # fmt: skip
_PREFLIGHT_SECONDS = 7200  # Chromium believes no more


async def dress(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: on every answer of these routes, refusals and our own failures included."""
    if request.path != PREFIX and not request.path.startswith(PREFIX + "/"):
        return
    headers = response.headers
    headers["Tus-Resumable"] = VERSION
    headers["Access-Control-Expose-Headers"] = ", ".join(_SHOWN)
    headers.setdefault("Cache-Control", "no-store")
    if response.status == 412:
        headers["Tus-Version"] = VERSION


def options(max_size: int, allowed: Sequence[str]) -> web.Response:
    """What is offered, with the methods of this path, and to a browser's page that asks: yes."""
    headers = {
        "Allow": ", ".join(allowed),
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_size),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": ", ".join(_SENT),
        "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
    }
    return web.Response(status=204, headers=headers)


def progress(record: TusRecord) -> dict[str, str]:
    """How far an upload is."""
    return {
        "Upload-Offset": str(record.offset),
        "Upload-Expires": formatdate(record.expires_at / 1000, usegmt=True),
    }


def description(record: TusRecord) -> dict[str, str]:
    """All that a HEAD tells."""
    headers = {**progress(record), "Upload-Length": str(record.length)}
    if record.metadata:
        headers["Upload-Metadata"] = record.metadata
    if record.kind == "partial":
        headers["Upload-Concat"] = "partial"
    if record.parts:
        headers["Upload-Concat"] = "final;" + " ".join(f"{PREFIX}/{part}" for part in record.parts)
    return headers


def asset_headers(asset: AssetView) -> dict[str, str]:
    """The asset, for clients that read no body. `Upload-Asset-Complete`: as durable as was asked for."""
    return {
        "Upload-Asset-Id": asset.asset_id,
        "Upload-Asset-Version": asset.version,
        "Upload-Asset-Sha256": asset.sha256,
        "Upload-Asset-Complete": "true" if status_of(asset) == 201 else "false",
    }
