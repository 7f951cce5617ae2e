"""Permission to upload one file, or several, for a page or a program that has no key.

atoll ticket --bucket photos --public-id a/b           from a query service
atoll ticket --save-nodes nodes.json                   what is needed for the next line
atoll ticket --offline --key-file up.key --nodes nodes.json --bucket photos
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from atoll.atomic_file import replaceable, write_atomically
from atoll.cli.access import Access, add_shared, bucket_of, with_client
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, note, say
from atoll.cli.spans import span
from atoll.client.async_client import AsyncClient
from atoll.client.offline import KnownNode, choose_node, read_upload_key, sign_upload
from atoll.client.source import FileUnusable, local_file
from atoll.ids import now_ms


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll ticket`."""
    parser.add_argument("--bucket", metavar="NAME")
    parser.add_argument("--public-id", metavar="TEXT", help="the name that the image gets")
    parser.add_argument("--files", type=int, default=1, metavar="N", help="good for so many files (1)")
    parser.add_argument("--max-bytes", type=int, metavar="N", help="of each file")
    parser.add_argument("--session", metavar="WORD", help="for whom: told by `GET /v1/history`")
    parser.add_argument("--region", help="a node there, if there is one")
    offline = parser.add_argument_group("without asking the cluster")
    offline.add_argument("--offline", action="store_true", help="sign here, with an upload key")
    offline.add_argument("--key-file", type=Path, metavar="FILE", help="the upload key")
    offline.add_argument("--nodes", type=Path, metavar="FILE", help="the nodes, from --save-nodes")
    offline.add_argument("--expires", type=span, default=600, metavar="SPAN", help="good for so long (10m)")
    offline.add_argument("--save-nodes", type=Path, metavar="FILE", help="write the cluster's nodes there")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """Print the URL that takes the bytes; with --json all of the ticket."""
    if args.offline:
        return _offline(args)
    return with_client(args, _save_nodes if args.save_nodes else _online)


def _offline(args: argparse.Namespace) -> int:
    if not args.key_file or not args.nodes or not args.bucket:
        raise WrongUsage("--offline needs --key-file, --nodes and --bucket.")
    node = choose_node(_read_nodes(args.nodes), args.bucket, args.public_id, args.region)
    more: dict[str, Any] = {"max_bytes": args.max_bytes, "session": args.session}
    try:
        upload = sign_upload(
            read_upload_key(read_text(args.key_file)),
            node,
            args.bucket,
            now_ms=now_ms(),
            seconds=args.expires,
            files=args.files,
            public_id=args.public_id,
            more={name: value for name, value in more.items() if value is not None},
        )
    except ValueError as error:
        raise WrongUsage(f"No ticket can be signed: {error}") from error
    if args.json:
        emit_json(upload)
    else:
        say(upload.upload_url)
    return Exit.OK


async def _online(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    ticket = await client.ticket(
        await bucket_of(args, client, access),
        public_id=args.public_id,
        files=args.files,
        max_bytes=args.max_bytes,
        session=args.session,
        region=args.region,
    )
    if args.json:
        emit_json(ticket)
    else:
        say(ticket.upload_url)
    return Exit.OK


async def _save_nodes(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    nodes = [
        KnownNode(node.name, node.region, node.set, node.url)
        for node in await client.nodes()
        if node.state == "active"
    ]
    with local_file(args.save_nodes):
        write_atomically(replaceable(args.save_nodes), msgspec.json.format(msgspec.json.encode(nodes)))
    note(f"{len(nodes)} nodes; write it again when the cluster has others.")
    return Exit.OK


def _read_nodes(path: Path) -> list[KnownNode]:
    try:
        return msgspec.json.decode(read_text(path), type=list[KnownNode])
    except msgspec.MsgspecError as error:
        raise FileUnusable(f"{path} is no list of nodes: {error}") from error


def read_text(path: Path) -> str:
    """A small file; `FileUnusable`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnusable(f"{path} cannot be read: {error}") from error
