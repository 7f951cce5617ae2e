"""Keys that sign delivery URLs: the newest active one signs, all but revoked ones are honoured.

The secret that `create` shows is for programs that sign URLs themselves; no part of the cluster needs it.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say, show_table
from atoll.client.async_client import AsyncClient

_STATES = {"retire": "retired", "revoke": "revoked", "activate": "active"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll signing-key`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    create = does.add_parser("create", help="make a key; it signs some seconds later")
    create.add_argument("name", metavar="NAME", nargs="?", help="made up without one")
    add_shared(create)
    add_shared(does.add_parser("ls", help="all signing keys"))
    for action, text in (
        ("retire", "sign no more; its URLs stay good until they expire"),
        ("revoke", "close its URLs at once, for good"),
        ("activate", "take a retired key back"),
    ):
        sub = does.add_parser(action, help=text)
        sub.add_argument("name", metavar="NAME")
        add_shared(sub)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, {"create": _create, "ls": _list}.get(args.does, _change))


async def _create(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    made = await client.keys.create_signing(args.name)
    if args.json:
        emit_json(made)
        return Exit.OK
    say(made.key.name, made.secret)
    note("The secret is shown this once. The cluster itself does not need it.")
    return Exit.OK


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    keys = await client.keys.signing()
    if args.json:
        emit_json(keys)
        return Exit.OK
    rows = [(k.name, k.id, k.state, "signs" if k.signs else "-", k.created_at or "-") for k in keys]
    show_table("Signing keys", ("KEY", "IN URLS", "STATE", "NOW", "CREATED"), rows)
    return Exit.OK


async def _change(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    key = await client.keys.change_signing(args.name, _STATES[args.does])
    if args.json:
        emit_json(key)
    else:
        say(key.state, key.name)
    return Exit.OK
