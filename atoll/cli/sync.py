"""Make a folder of a bucket like a local one: upload what is new or changed, by hash, and nothing else.

public_id = PREFIX/ + path below DIR without the image's extension. Nothing is deleted unless --delete says
so. The same command again goes on where one was broken off.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import path
from atoll.cli.folder_options import (
    add_folder_options,
    add_upload_options,
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
from atoll.client.folder_files import FolderPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll sync`."""
    parser.add_argument("folder", metavar="DIR", type=path)
    parser.add_argument("target", metavar="BUCKET[/PREFIX]")
    parser.add_argument("--delete", action="store_true", help="delete assets whose file is gone from DIR")
    parser.add_argument(
        "--force", action="store_true", help="with --delete: also when DIR is empty or partly unreadable"
    )
    add_folder_options(parser)
    add_upload_options(parser)
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A line per change."""
    return with_client(args, _sync)


async def _sync(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    where = target(args.target)
    plan = await client.plan_sync(
        args.folder,
        where.bucket,
        where.prefix,
        delete=args.delete,
        force=args.force,
        include=args.include,
        exclude=args.exclude,
        hash_cache=hash_cache_of(access),
        progress=comparing(),
    )
    return await upload_plan(plan, args, client, access)


async def upload_plan(plan: FolderPlan, args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    """Carry out a plan that uploads, or only show it; the exit code."""
    printer = FolderPrinter(as_json=args.json)
    if args.dry_run:
        return printer.planned(plan)
    printer.skipped(plan)
    printer.announced(plan.deletes)
    with goes_on(), make_screen(*moved(plan)) as screen:
        report = await client.carry_out(
            plan,
            parallel=args.parallel,
            tags=args.tag,
            durability=args.durability,
            hash_cache=hash_cache_of(access),
            progress=printer.hearing(showing(plan, screen)),
        )
    return printer.ended(report)
