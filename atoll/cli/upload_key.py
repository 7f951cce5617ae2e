"""Upload keys: programs sign upload tickets with them, with no cluster asked. A secret is shown once."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say, show_table
from atoll.cli.spans import span, spell
from atoll.client.async_client import AsyncClient
from atoll.client.upload_key_calls import UploadKeyView


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll upload-key`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    create = does.add_parser("create", help="make a key and show its secret")
    create.add_argument("name", metavar="NAME", help="given once, for ever")
    create.add_argument("--bucket", action="append", required=True, metavar="NAME", help="repeatable")
    create.add_argument(
        "--prefix", action="append", default=[], metavar="TEXT", help="only names that begin so; repeatable"
    )
    create.add_argument("--max-bytes", type=int, metavar="N", help="of each file")
    create.add_argument("--max-files", type=int, default=1, metavar="N", help="of one ticket (1)")
    create.add_argument(
        "--max-life", type=span, default=3600, metavar="SPAN", help="of one ticket, 7d at most (1h)"
    )
    create.add_argument("--expires", type=span, metavar="SPAN", help="the key itself is good for so long")
    add_shared(create)
    add_shared(does.add_parser("ls", help="all upload keys, revoked ones too"))
    revoke = does.add_parser("revoke", help="nothing that it signed opens anything any more, for good")
    revoke.add_argument("name", metavar="NAME")
    add_shared(revoke)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, {"create": _create, "ls": _list, "revoke": _revoke}[args.does])


async def _create(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    made = await client.upload_keys.create(
        args.name,
        args.bucket,
        prefixes=args.prefix,
        max_bytes=args.max_bytes,
        max_files=args.max_files,
        max_seconds=args.max_life,
        expires_in=args.expires,
    )
    if args.json:
        emit_json(made)
        return Exit.OK
    say(made.key.name, made.secret)
    note("The secret is shown this once. Keep it in a file for `atoll ticket --offline --key-file`.")
    return Exit.OK


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    keys = await client.upload_keys.all()
    if args.json:
        emit_json(keys)
        return Exit.OK
    columns = ("KEY", "STATE", "SIGNS FOR", "A TICKET", "EXPIRES")
    show_table("Upload keys", columns, [_row(key) for key in keys])
    return Exit.OK


def _row(key: UploadKeyView) -> tuple[str, ...]:
    reach = " ".join([*key.buckets, *(f"{prefix}*" for prefix in key.prefixes)])
    size = "" if key.max_bytes is None else f", {key.max_bytes} bytes each"
    return (
        key.name,
        key.state,
        reach,
        f"{key.max_files} files{size}, {spell(key.max_seconds)}",
        key.expires_at or "-",
    )


async def _revoke(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    key = await client.upload_keys.revoke(args.name)
    if args.json:
        emit_json(key)
    else:
        say("revoked", key.name)
    return Exit.OK
