"""Fetch an image. Nothing is written before all bytes have come and match the hash in their name."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import named
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, note, size
from atoll.cli.url import IMAGE_HELP, add_transformation
from atoll.client.async_client import AsyncClient
from atoll.client.views import Resolved


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll get`."""
    parser.add_argument("image", metavar="ID", help=IMAGE_HELP)
    add_transformation(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=named,
        metavar="FILE",
        default="-",
        help="the file to write; - (default): stdout",
    )
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """Write the bytes; where they came from goes to standard error, or as JSON to standard output."""
    return with_client(args, _get)


async def _get(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    if args.output == "-":
        await _to_stdout(args, client)
        return 0
    path = Path(args.output)
    found = await client.download(args.image, path, transformation=args.transformation)
    _tell(args, path, found)
    return 0


def _tell(args: argparse.Namespace, path: Path, found: Resolved) -> None:
    count = path.stat().st_size
    if args.json:
        facts = {"sha256": found.sha256, "node": found.node, "region": found.region, "url": found.url}
        facts |= {"transformation": found.transformation} if found.transformation else {}
        emit_json({"path": str(path), "bytes": count, **facts})
    else:
        note(f"{path}: {size(count)} from {found.node} ({found.region}), hash verified")


async def _to_stdout(args: argparse.Namespace, client: AsyncClient) -> None:
    if args.json:
        raise WrongUsage("--json needs -o FILE: standard output cannot carry both.")
    if sys.stdout.isatty():
        raise WrongUsage("A terminal shows no image: use -o FILE, or pipe it.")
    with tempfile.TemporaryDirectory(prefix="atoll-get-") as folder:
        spool = Path(folder, "image")
        await client.download(args.image, spool, transformation=args.transformation)
        _copy_to_stdout(spool)


def _copy_to_stdout(spool: Path) -> None:
    with spool.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
