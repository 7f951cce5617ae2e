"""An index behind the node's own routes for repair, on a port of this machine: a node without bytes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from atoll.http import problems, serve
from atoll.ids import now_ms
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.signing import Keys
from benchmarks.comparison import Side
from benchmarks.synthetic_index import SET
from storage_node.digests import Digests
from storage_node.disk_probe import TrustedDisk
from storage_node.index import Index
from storage_node.internal_auth import InternalAuth
from storage_node.origin import Origin
from storage_node.repair_routes import RepairRoutes

_READERS = 8  # as many as a node has
_NOT_ASKED = cast(Any, None)  # restores and proofs


@dataclass(frozen=True)
class ServedIndex:
    """Whom to ask, the index behind it, its digests."""

    side: Side
    index: Index
    digests: Digests


@asynccontextmanager
async def served_index(path: Path, node: str) -> AsyncIterator[ServedIndex]:
    """The node called `node` with the index at `path`."""
    index = Index(path, node)
    digests = Digests(index, node)
    side = Side(node, any_free_port(), Keys(secrets.token_bytes(32)))
    readers = ThreadPoolExecutor(_READERS, f"{node}-reader")
    routes = RepairRoutes(
        Origin(node, "here", SET), index, digests, _NOT_ASKED, _NOT_ASKED, readers
    )  # a lookup of a single record finds no route, and so no record
    app = web.Application(middlewares=[problems])
    routes.add_routes(app, InternalAuth(node, side.keys, now_ms, TrustedDisk()))
    try:
        async with serve(app, LOOPBACK, side.port, drain_seconds=1):
            yield ServedIndex(side, index, digests)
    finally:
        readers.shutdown()
        index.close()
