"""Delete assets. Asks nothing; what it calls deleted stays so, and every region follows within moments.

They lie in the trash for a while and can be brought back with `atoll restore`; with `--now` they are erased.
"""

from __future__ import annotations

import argparse
import asyncio

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import code_of_many
from atoll.cli.journal import forget_uploads
from atoll.cli.output import emit_json, say, show_error
from atoll.client.async_client import AsyncClient
from atoll.errors import AtollError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll rm`."""
    parser.add_argument("assets", metavar="ID", nargs="+", help="an asset id, or BUCKET/PUBLIC_ID")
    parser.add_argument("--now", action="store_true", help="erase the bytes at once: no restore")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset; those that fail do not stop the others."""
    return with_client(args, _rm)


async def _rm(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    deleted: list[str] = []
    try:
        outcomes = [
            await _one(name, client, deleted, now=args.now, as_json=args.json) for name in args.assets
        ]
    finally:
        await asyncio.to_thread(forget_uploads, access.journal, deleted)
    return code_of_many(outcomes)


async def _one(
    name: str, client: AsyncClient, gone: list[str], *, now: bool, as_json: bool
) -> AtollError | None:
    try:
        deleted = await client.delete(name, trash_seconds=0 if now else None)
        gone.append(deleted.asset_id)
    except AtollError as error:
        show_error(error, about=name)
        if as_json:
            emit_json({"asset": name, "status": "failed", "problem": error.problem()})
        return error
    if as_json:
        emit_json({"asset": name, "status": "deleted", "deleted": deleted})
    else:
        say("deleted", deleted.asset_id)
    return None
