"""Go back to a version of an asset: it is repeated as a new one, and everything in between stays."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.output import emit_json, say
from atoll.cli.versions import ASSET_HELP
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll rollback`."""
    parser.add_argument("asset", metavar="ID", help=ASSET_HELP)
    parser.add_argument("version", metavar="VERSION", help="as `atoll versions` lists it")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """Print the new version and its URL."""
    return with_client(args, _rollback)


async def _rollback(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    asset = await client.rollback(args.asset, args.version)
    emit_json(asset) if args.json else say("rolled back", asset.asset_id, asset.version, asset.url)
    return 0
