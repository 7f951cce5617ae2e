"""Seal a set, so that it takes no new images and goes on serving; or unseal it. Lists them without either."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, say, show_table, size
from atoll.client.async_client import AsyncClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll set`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    add_shared(does.add_parser("ls", help="all sets"))
    for name, text in (("seal", "take no new images"), ("unseal", "take new images again")):
        sub = does.add_parser(name, help=text)
        sub.add_argument("set", metavar="NAME")
        add_shared(sub)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, _list if args.does == "ls" else _seal)


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    sets = await client.sets()
    if args.json:
        emit_json(sets)
        return Exit.OK
    rows = [
        (s.name, "sealed" if s.sealed else "open", f"{s.healthy}/{len(s.members)}", size(s.bytes_free))
        for s in sets
    ]
    show_table("Sets", ("SET", "STATE", "HEALTHY", "FREE"), rows)
    return Exit.OK


async def _seal(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    changed = await client.operations.seal_set(args.set, sealed=args.does == "seal")
    if args.json:
        emit_json(changed)
    else:
        say("sealed" if changed.sealed else "unsealed", changed.name)
    return Exit.OK
