"""List the assets of a bucket, by public_id: id, size, width x height, public_id (unless it is the id).

With --deleted what `atoll restore` can bring back, and until when, that first which stays longest.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, bucket_of, with_client
from atoll.cli.argument_types import count
from atoll.cli.output import emit_json, on_terminal, printable, say, size
from atoll.client.async_client import AsyncClient
from atoll.client.trash_calls import TrashedAsset
from atoll.node_api import AssetView


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll ls`."""
    parser.add_argument("--bucket", help="the bucket; may be left out when there is only one")
    parser.add_argument("--prefix", default="", help="only public_ids that start with this")
    parser.add_argument("--limit", type=count, metavar="N", help="at most so many")
    parser.add_argument("--deleted", action="store_true", help="what was deleted and can be restored")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset, as the pages come."""
    return with_client(args, _ls)


async def _ls(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    bucket = await bucket_of(args, client, access)
    if args.deleted:
        async for trashed in client.deleted(bucket, args.prefix, args.limit):
            show_trashed(trashed, as_json=args.json)
        return 0
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


def show_trashed(asset: TrashedAsset, *, as_json: bool) -> None:
    """One that can be restored: id, size, when it was deleted, until when it can, name."""
    if as_json:
        emit_json(asset)
    elif on_terminal():
        facts = f"{size(asset.bytes):>10}  deleted {asset.deleted_at}  until {asset.erased_at}"
        say(f"{asset.asset_id}  {facts}  {printable(asset.public_id)}")
    else:
        say(asset.asset_id, size(asset.bytes), asset.deleted_at, asset.erased_at, asset.public_id)
