"""Bring deleted assets back from the trash, each as a new version. After the trash period they are gone."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import code_of_many
from atoll.cli.output import emit_json, say, show_error
from atoll.client.async_client import AsyncClient
from atoll.client.reference import parse_reference
from atoll.errors import AtollError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll restore`."""
    parser.add_argument("assets", metavar="ID", nargs="+", help="an asset id, or BUCKET/PUBLIC_ID")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset; those that fail do not stop the others."""
    return with_client(args, _restore)


async def _restore(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    return code_of_many([await _one(name, client, as_json=args.json) for name in args.assets])


async def _one(name: str, client: AsyncClient, *, as_json: bool) -> AtollError | None:
    try:
        asset = await client.operations.restore(parse_reference(name).asset())
    except AtollError as error:
        show_error(error, about=name)
        if as_json:
            emit_json({"asset": name, "status": "failed", "problem": error.problem()})
        return error
    if as_json:
        emit_json({"asset": name, "status": "restored", "restored": asset})
    else:
        say("restored", asset.asset_id, asset.version, asset.url)
    return None
