"""Rename an asset, with all its versions, within its bucket. No image byte is moved."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, with_client
from atoll.cli.naming import add_names, new_name, show
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll mv`."""
    add_names(parser)


def run(args: argparse.Namespace) -> int:
    """Print the asset under its new name."""
    return with_client(args, _mv)


async def _mv(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    name = await new_name(args, client)
    return show(args, "renamed", await client.rename(args.asset, name, overwrite=args.overwrite))
