"""List the assets of a bucket, by public_id: id, size, width x height, public_id (unless it is the id)."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, bucket_of, with_client
from atoll.cli.output import emit_json, on_terminal, printable, say, size
from atoll.client.async_client import AsyncClient
from atoll.node_api import AssetView


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll ls`."""
    parser.add_argument("--bucket", help="the bucket; may be left out when there is only one")
    parser.add_argument("--prefix", default="", help="only public_ids that start with this")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset, as the pages come."""
    return with_client(args, _ls)


async def _ls(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    bucket = await bucket_of(args, client, access)
    async for asset in client.list(bucket, args.prefix, args.limit):
        show(asset, as_json=args.json)
    return 0


def show(asset: AssetView, *, as_json: bool) -> None:
    """One asset, as `atoll search` shows them too."""
    pixels = f"{asset.width}x{asset.height}"
    if as_json:
        emit_json(asset)
    elif on_terminal():
        name = asset.public_id if asset.public_id != asset.asset_id else ""
        say(f"{asset.asset_id}  {size(asset.bytes):>10}  {pixels:>11}  {printable(name)}".rstrip())
    else:
        say(asset.asset_id, size(asset.bytes), pixels, asset.public_id)
