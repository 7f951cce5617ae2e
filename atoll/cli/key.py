"""API keys: `atoll key create shop --scope read --bucket photos --prefix shop/`. A secret is shown once."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say, show_table
from atoll.cli.spans import span
from atoll.client.async_client import AsyncClient
from atoll.client.keys import KeyView, MadeKey

SCOPES = ("read", "write", "delete", "admin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll key`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    create = does.add_parser("create", help="make a key and show its secret")
    create.add_argument("name", metavar="NAME", help="given once, for ever")
    create.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be repeated")
    create.add_argument("--bucket", action="append", default=[], metavar="NAME", help="only this; repeatable")
    create.add_argument(
        "--prefix",
        action="append",
        default=[],
        metavar="TEXT",
        help="only names that begin so; repeatable",
    )
    create.add_argument("--expires", type=span, metavar="SPAN", help="good for so long: 90d, 12h, 30m, 10s")
    add_shared(create)
    add_shared(does.add_parser("ls", help="all keys, revoked ones too"))
    rotate = does.add_parser("rotate", help="give a key a new secret and show it")
    rotate.add_argument("name", metavar="NAME")
    rotate.add_argument(
        "--overlap", type=span, default=86400, metavar="SPAN", help="so long the old one is good too (1d)"
    )
    add_shared(rotate)
    revoke = does.add_parser("revoke", help="refuse a key everywhere from now on, for good")
    revoke.add_argument("name", metavar="NAME")
    add_shared(revoke)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    work = {"create": _create, "ls": _list, "rotate": _rotate, "revoke": _revoke}[args.does]
    return with_client(args, work)


async def _create(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    made = await client.keys.create(
        args.name, args.scope, buckets=args.bucket, prefixes=args.prefix, expires_in=args.expires
    )
    return _show_secret(args, made)


async def _rotate(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    return _show_secret(args, await client.keys.rotate(args.name, overlap=args.overlap))


def _show_secret(args: argparse.Namespace, made: MadeKey) -> int:
    if args.json:
        emit_json(made)
        return Exit.OK
    say(made.key.name, made.secret or "")
    note("The secret is shown this once: nobody can look it up later.")
    return Exit.OK


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    keys = await client.keys.all()
    if args.json:
        emit_json(keys)
        return Exit.OK
    columns = ("KEY", "STATE", "SCOPES", "LIMITED TO", "EXPIRES", "LAST USED")
    show_table("API keys", columns, [_row(key) for key in keys])
    return Exit.OK


def _row(key: KeyView) -> tuple[str, ...]:
    limits = " ".join([*key.buckets, *(f"{prefix}*" for prefix in key.prefixes)])
    return (
        key.name,
        key.state if key.source == "map" else f"{key.state} (file)",
        ",".join(key.scopes),
        limits or "-",
        key.expires_at or "-",
        key.last_used or "-",
    )


async def _revoke(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    key = await client.keys.revoke(args.name)
    if args.json:
        emit_json(key)
    else:
        say("revoked", key.name)
    return Exit.OK
