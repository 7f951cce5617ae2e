"""Upload a folder tree, or what a listing names: S3 Inventory CSV, a list of keys, an export's manifest.

SOURCE is a folder, or a listing (plain or .gz) whose files lie below --root: key a/b.jpg is ROOT/a/b.jpg.
Sizes, and MD5s where an ETag is one, are checked before a file is uploaded; what is not there is told.
What the bucket has already is skipped; nothing is deleted. The same command again goes on where one was
broken off.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import path
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.folder_options import (
    Target,
    add_folder_options,
    add_upload_options,
    comparing,
    hash_cache_of,
    target,
)
from atoll.cli.sync import upload_plan
from atoll.client.async_client import AsyncClient
from atoll.client.export_paths import MANIFEST
from atoll.client.folder_files import FolderPlan
from atoll.client.source import local_file

_LISTING_OPTIONS = ("root", "form", "columns")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll import`."""
    parser.add_argument("source", metavar="SOURCE", type=path, help="a folder, or a listing")
    parser.add_argument("target", metavar="BUCKET[/PREFIX]")
    listing = parser.add_argument_group("listings")
    listing.add_argument("--root", type=path, metavar="DIR", help="where the listed files lie")
    listing.add_argument(
        "--form", choices=("csv", "keys", "manifest"), help="what the listing is (else by its name and start)"
    )
    listing.add_argument(
        "--columns", metavar="A,B,…", help="the CSV's columns, in order (default bucket,key,size,etag)"
    )
    listing.add_argument(
        "--no-md5", action="store_true", help="ETags are no MD5s (objects encrypted with KMS keys)"
    )
    add_folder_options(parser)
    add_upload_options(parser)
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A line per file that was uploaded or could not be."""
    return with_client(args, _import)


async def _import(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    where = target(args.target)
    plan = await (_of_folder if args.source.is_dir() else _of_listing)(args, where, client, access)
    return await upload_plan(plan, args, client, access)


async def _of_folder(
    args: argparse.Namespace, where: Target, client: AsyncClient, access: Access
) -> FolderPlan:
    if given := [f"--{name}" for name in _LISTING_OPTIONS if getattr(args, name) is not None]:
        raise WrongUsage(f"{', '.join(given)} is for a listing; {args.source} is a folder.")
    return await client.plan_sync(
        args.source,
        where.bucket,
        where.prefix,
        include=args.include,
        exclude=args.exclude,
        hash_cache=hash_cache_of(access),
        progress=comparing(),
    )


async def _of_listing(
    args: argparse.Namespace, where: Target, client: AsyncClient, access: Access
) -> FolderPlan:
    with local_file(args.source):
        args.source.stat()  # a folder that is mistyped is no listing without a root
    if args.root is None and args.source.name != MANIFEST:
        raise WrongUsage("Say where the listed files lie: --root DIR.")
    return await client.plan_import(
        args.source,
        args.root,
        where.bucket,
        where.prefix,
        form=args.form,
        columns=None if args.columns is None else args.columns.split(","),
        check_md5=not args.no_md5,
        include=args.include,
        exclude=args.exclude,
        hash_cache=hash_cache_of(access),
        progress=comparing(),
    )
