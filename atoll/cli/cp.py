"""Copy an asset, or one of its versions, to another name in its bucket. No image byte is moved."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, with_client
from atoll.cli.naming import add_names, new_name, show
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll cp`."""
    parser.add_argument("--version", dest="of", metavar="VERSION", help="this version, not the current one")
    add_names(parser)


def run(args: argparse.Namespace) -> int:
    """Print the copy."""
    return with_client(args, _cp)


async def _cp(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    name = await new_name(args, client)
    copy = await client.copy(args.asset, name, version=args.of, overwrite=args.overwrite)
    return show(args, "copied", copy)
