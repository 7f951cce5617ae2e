"""Which nodes hold an asset's bytes: since when, last verified when, and which should but do not yet."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.output import emit_json, show_table
from atoll.client.async_client import AsyncClient
from atoll.client.reference import parse_reference
from atoll.node_api import rfc3339


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll locations`."""
    parser.add_argument("asset", metavar="ID", help="an asset id, or BUCKET/PUBLIC_ID")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A row per node."""
    return with_client(args, _locations)


async def _locations(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    where = await client.locations(parse_reference(args.asset).asset())
    if args.json:
        emit_json(where)
        return 0
    rows = [
        (place.node, place.region, "held", _second(place.fsynced_at), _second(place.verified_at))
        for place in where.locations
    ]
    rows += [(node, "", "missing", "", "") for node in sorted(where.missing)]
    show_table(args.asset, ("NODE", "REGION", "STATE", "DURABLE SINCE (UTC)", "VERIFIED (UTC)"), rows)
    return 0


def _second(at_ms: int) -> str:
    """A time for people; --json has milliseconds."""
    return rfc3339(at_ms)[:19].replace("T", " ")
