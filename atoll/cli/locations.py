"""Which nodes hold an asset's bytes, since when, verified when; or removed them after a delete, and when.

The nodes themselves are asked, now; who could not be asked is named.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.output import emit_json, note, show_table
from atoll.client.async_client import AsyncClient
from atoll.client.proof_views import NodeReceipt, Receipt
from atoll.client.reference import parse_reference
from atoll.client.views import Locations
from atoll.errors import NotFound
from atoll.node_api import rfc3339

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll locations`."""
    parser.add_argument("asset", metavar="ID", help="an asset id, or BUCKET/PUBLIC_ID")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A row per node."""
    return with_client(args, _locations)


async def _locations(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    asset_id = parse_reference(args.asset).asset()
    where, receipt = await asyncio.gather(
        _or_none(client.locations(asset_id)), _or_none(client.operations.receipt(asset_id))
    )
    if where is None and receipt is None:
        raise NotFound("There is no such asset, and no receipt of one.", asset_id=asset_id)
    if args.json:
        emit_json({**(msgspec.to_builtins(where) if where else {}), "receipt": receipt})
    elif receipt is not None:
        _show_receipt(args.asset, receipt)
    elif where is not None:
        _show_locations(args.asset, where)
    return 0


async def _or_none(answer: Awaitable[T]) -> T | None:
    try:
        return await answer
    except NotFound:
        return None


def _show_receipt(name: str, receipt: Receipt) -> None:
    """What the nodes testify, asked now: both kinds of receipt."""
    rows = [row for node in receipt.nodes for row in _rows(node)]
    heads = (
        "NODE",
        "REGION",
        "STATE",
        "DURABLE SINCE (UTC)",
        "VERIFIED (UTC)",
        "REMOVED (UTC)",
        "ERASED (UTC)",
    )
    show_table(name, heads, rows)
    if receipt.unasked:
        note(f"! not asked: {', '.join(receipt.unasked)}; what they hold is not known")


def _rows(node: NodeReceipt) -> list[tuple[object, ...]]:
    if node.unasked:
        return [(node.node, node.region, "not asked", "", "", "", "")]
    rows: list[tuple[object, ...]] = [
        (node.node, node.region, "held", _second(h.durable_since), _second(h.verified_at), "", "")
        for h in node.held[:1]
    ]
    for gone in node.removed if not rows else ():
        erased = (
            "kept: shared" if gone.shared else _second(gone.erased_at) if gone.erased_at else "in the trash"
        )
        rows.append((node.node, node.region, "deleted", "", "", _second(gone.removed_at), erased))
    state = "deleted" if node.deleted_at else "missing"
    return rows or [(node.node, node.region, state, "", "", _second(node.deleted_at or ""), "")]


def _show_locations(name: str, where: Locations) -> None:
    """What the catalog says."""
    rows: list[tuple[object, ...]] = [
        (p.node, p.region, "held", _second(rfc3339(p.fsynced_at)), _second(rfc3339(p.verified_at)))
        for p in where.locations
    ]
    rows += [(node, "", "missing", "", "") for node in sorted(where.missing)]
    show_table(name, ("NODE", "REGION", "STATE", "DURABLE SINCE (UTC)", "VERIFIED (UTC)"), rows)


def _second(text: str) -> str:
    """A time for people; --json has milliseconds."""
    return text[:19].replace("T", " ")
