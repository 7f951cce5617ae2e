"""Download all images of a bucket, or of a folder in it, into a local one: only what differs, each checked.

DIR/manifest.jsonl says which file is which asset, with its tags, context, hash and version; `atoll import`
takes it. Files that the bucket no longer has stay. The same command again goes on where one was broken off.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import path
from atoll.cli.folder_options import (
    add_folder_options,
    comparing,
    goes_on,
    hash_cache_of,
    moved,
    showing,
    target,
)
from atoll.cli.folder_report import FolderPrinter
from atoll.cli.upload_screen import make_screen
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll export`."""
    parser.add_argument("target", metavar="BUCKET[/PREFIX]")
    parser.add_argument("folder", metavar="DIR", type=path)
    add_folder_options(parser)
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A line per file."""
    return with_client(args, _export)


async def _export(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    where = target(args.target)
    printer = FolderPrinter(as_json=args.json)
    with await client.plan_export(
        where.bucket,
        where.prefix,
        args.folder,
        include=args.include,
        exclude=args.exclude,
        hash_cache=hash_cache_of(access),
        progress=comparing(),
    ) as plan:
        if args.dry_run:
            return printer.planned(plan)
        printer.skipped(plan)
        with goes_on(), make_screen(*moved(plan)) as screen:
            report = await client.carry_out_export(
                plan, parallel=args.parallel, progress=printer.hearing(showing(plan, screen))
            )
    return printer.ended(report)
