"""List the buckets; with --create make one, or change one's visibility. For all else: `atoll bucket set`."""

from __future__ import annotations

import argparse

from msgspec import structs

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, say, show_table
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll buckets`."""
    parser.add_argument("--create", metavar="NAME", help="make this bucket; needs a key with the scope admin")
    parser.add_argument("--private", action="store_true", help="readable by signed URL only")
    parser.add_argument(
        "--durability",
        metavar="local|regions:N|all",
        default="local",
        help="with --create: how many regions must have an upload before it is acknowledged",
    )
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A row per bucket."""
    return with_client(args, _buckets)


async def _buckets(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    if args.create:
        visibility = "private" if args.private else "public"
        before = {bucket.name: bucket for bucket in await client.buckets()}
        if (known := before.get(args.create)) is not None:  # the rest of its policy is not meant
            made = await client.put_bucket(
                structs.replace(known, visibility=visibility, durability=args.durability),
                if_etag=known.etag,
            )
        else:
            made = await client.create_bucket(args.create, visibility, durability=args.durability)
        if args.json:
            emit_json(made)
        else:
            say(made.name, made.visibility)
        return 0
    if args.private or args.durability != "local":
        raise WrongUsage("--private and --durability go with --create NAME.")
    buckets = await client.buckets()
    if args.json:
        emit_json({"buckets": buckets})
    else:
        show_table(
            "Buckets",
            ("BUCKET", "VISIBILITY", "DURABILITY"),
            [(b.name, b.visibility, b.durability) for b in buckets],
        )
    return 0
