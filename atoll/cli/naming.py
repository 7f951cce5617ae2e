"""What `atoll mv` and `atoll cp` share: two names in one bucket."""

from __future__ import annotations

import argparse

from atoll.cli.access import add_shared
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, say
from atoll.cli.versions import ASSET_HELP
from atoll.client.async_client import AsyncClient
from atoll.client.reference import parse_reference
from atoll.node_api import AssetView


def add_names(parser: argparse.ArgumentParser) -> None:
    """Both names, and what becomes of a taken one."""
    parser.add_argument("asset", metavar="ID", help=ASSET_HELP)
    parser.add_argument("target", metavar="BUCKET/PUBLIC_ID", help="the new name, in the same bucket")
    parser.add_argument("--overwrite", action="store_true", help="give an asset of this name a new version")
    add_shared(parser)


async def new_name(args: argparse.Namespace, client: AsyncClient) -> str:
    """The public_id of the target; `WrongUsage` when it is in another bucket."""
    source, target = parse_reference(args.asset), parse_reference(args.target)
    if target.bucket is None or target.public_id is None:
        raise WrongUsage("The new name is BUCKET/PUBLIC_ID.")
    bucket = source.bucket or (await client.asset(source.asset())).bucket
    if bucket != target.bucket:
        raise WrongUsage(f"The asset is in the bucket {bucket!r}; between buckets, `atoll get` and `upload`.")
    return target.public_id


def show(args: argparse.Namespace, done: str, asset: AssetView) -> int:
    """What came of it."""
    emit_json(asset) if args.json else say(done, asset.asset_id, asset.version, asset.url)
    return 0
