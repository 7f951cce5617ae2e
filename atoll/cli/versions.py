"""The versions of an asset, newest first: version, when, size, width x height; * is the current one.

A version can be deleted for good, and its URL asked for; `atoll rollback` goes back to one.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import count
from atoll.cli.output import emit_json, say, show_table, size
from atoll.client.async_client import AsyncClient

ASSET_HELP = "an asset id, or BUCKET/PUBLIC_ID"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll versions`."""
    parser.add_argument("asset", metavar="ID", help=ASSET_HELP)
    parser.add_argument("--limit", type=count, metavar="N", help="at most so many, the newest")
    does = parser.add_mutually_exclusive_group()
    does.add_argument("--url", metavar="VERSION", help="print where this version is")
    does.add_argument("--delete", metavar="VERSION", help="delete this version for good")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """List, or do what was asked."""
    return with_client(args, _versions)


async def _versions(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    if args.url is not None:
        found = await client.version_url(args.asset, args.url)
        emit_json(found) if args.json else say(found.url)
    elif args.delete is not None:
        gone = await client.delete_version(args.asset, args.delete)
        emit_json(gone) if args.json else say("deleted", gone.version, gone.current or "")
    else:
        await _list(args, client)
    return 0


async def _list(args: argparse.Namespace, client: AsyncClient) -> None:
    found = [version async for version in client.versions(args.asset, limit=args.limit)]
    if args.json:
        for version in found:
            emit_json(version)
        return
    rows = [
        ("*" if v.current else "", v.version, v.created_at, size(v.bytes), f"{v.width}x{v.height}")
        for v in found
    ]
    show_table(args.asset, ("", "VERSION", "CREATED", "SIZE", "PIXELS"), rows)
