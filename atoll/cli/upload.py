"""Upload files, and the images below directories, straight to the nearest node.

Prints id, URL and the regions known to hold it, a line per file. What is uploaded is noted in a journal:
the same command again skips it, goes on with what was broken off, and tries again what failed.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from atoll.cli.access import Access, add_shared, bucket_of, with_client
from atoll.cli.argument_types import named, parallel, seconds
from atoll.cli.context_pairs import context_of
from atoll.cli.exit_codes import WrongUsage, code_of_many
from atoll.cli.journal import Journal
from atoll.cli.output import note
from atoll.cli.upload_other import is_other, upload_others
from atoll.cli.upload_plan import Plan, make_plan
from atoll.cli.upload_report import Report
from atoll.cli.upload_run import UploadRun
from atoll.cli.upload_screen import make_screen
from atoll.client.async_client import AsyncClient
from atoll.client.tree import FoundFile, find_files
from atoll.errors import AtollError
from atoll.ids import now_ms

_WAIT = re.compile(r"regions:([1-9][0-9]{0,2})|(all)", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll upload`."""
    parser.add_argument(
        "paths", metavar="FILE|DIR|-|data:…", nargs="*", type=named, help="- is standard input"
    )
    parser.add_argument(
        "--url",
        dest="urls",
        action="append",
        default=[],
        help="an image that the cluster fetches itself; may be given more than once",
    )
    parser.add_argument("--bucket", help="the bucket; may be left out when there is only one")
    names = parser.add_mutually_exclusive_group()
    names.add_argument("--prefix", help="public_id = PREFIX + path below DIR without extension")
    names.add_argument("--public-id", metavar="NAME", help="the public_id of a single file")
    parser.add_argument("--tag", action="append", default=[], help="a tag; may be given more than once")
    parser.add_argument(
        "--context", action="append", default=[], metavar="KEY=VALUE", help="may be given more than once"
    )
    parser.add_argument("--title", default="", metavar="TEXT", help="the title of every image")
    parser.add_argument("--alt", default="", metavar="TEXT", help="the alternative text of every image")
    parser.add_argument(
        "--eager",
        metavar="TEXT",
        action="append",
        default=[],
        help="a transformation that is made at once; may be given more than once",
    )
    parser.add_argument(
        "--parallel", type=parallel, default=8, metavar="N", help="uploads at once (default 8)"
    )
    journal = parser.add_mutually_exclusive_group()
    journal.add_argument(
        "--resume", type=Path, metavar="FILE", help="the journal (default: beside cluster.json)"
    )
    journal.add_argument("--again", action="store_true", help="upload also what the journal says is uploaded")
    parser.add_argument(
        "--durability",
        metavar="local|regions:N|all",
        help="acknowledged only when so many regions have each file (else the bucket's default)",
    )
    parser.add_argument(
        "--wait", type=_wait, metavar="regions:N|all", help="return only when so many regions have each file"
    )
    parser.add_argument(
        "--wait-seconds", type=seconds, default=60.0, metavar="S", help="but no longer than this"
    )
    add_shared(parser)


def _wait(text: str) -> int:
    """0 means all."""
    match = _WAIT.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("is regions:N or all")
    return int(match[1] or 0)


def run(args: argparse.Namespace) -> int:
    """A line per file, in the order in which they finish."""
    return with_client(args, _upload)


async def _upload(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    others = [text for text in args.paths if is_other(text)]
    args.paths = [Path(text) for text in args.paths if not is_other(text)]
    _check(args, len(others) + len(args.urls))
    files = await asyncio.to_thread(_files, args) if args.paths else []
    bucket = await bucket_of(args, client, access)
    errors = await upload_others(others, args.urls, args, bucket, client) if others or args.urls else []
    if not files:
        return code_of_many(errors)
    path = args.resume or access.journal
    with Journal(path, bucket, now_ms) as journal:
        plan = Plan(tuple(files), ()) if args.again else await make_plan(files, journal, client, now_ms())
        try:
            return await _carry_out(plan, args, bucket, client, journal, errors)
        except asyncio.CancelledError:  # Ctrl-C
            note("The same command goes on from here.")
            raise


async def _carry_out(
    plan: Plan,
    args: argparse.Namespace,
    bucket: str,
    client: AsyncClient,
    journal: Journal,
    errors: Sequence[AtollError | None],
) -> int:
    sizes = await asyncio.to_thread(lambda: sum(_size(file.path) for file in plan.todo))
    report = Report(as_json=args.json, files=len(plan.todo) + len(plan.skipped))
    with make_screen(sizes, len(plan.todo)) as screen:
        upload = UploadRun(client, journal, report, screen, wait=args.wait, wait_seconds=args.wait_seconds)
        await upload.run(
            plan,
            bucket,
            args.parallel,
            args.tag,
            use_tickets=not args.again,
            durability=args.durability,
            eager=args.eager,
            context=context_of(args.context),
            title=args.title,
            alt=args.alt,
        )
    report.summary()
    return code_of_many([*errors, *report.errors])


def _check(args: argparse.Namespace, others: int) -> None:
    if not args.paths and not others:
        raise WrongUsage("Name files or directories, - for standard input, a data: URI, or --url URL.")
    if args.public_id is not None and others and others + len(args.paths) > 1:
        raise WrongUsage("--public-id names one image.")
    if args.prefix is not None and others:
        raise WrongUsage("--prefix is for files: what is none has no path. Use --public-id.")


def _files(args: argparse.Namespace) -> list[FoundFile]:
    if args.public_id is not None:
        if len(args.paths) != 1 or args.paths[0].is_dir():
            raise WrongUsage("--public-id names one file; for many use --prefix.")
        return [FoundFile(args.paths[0], args.public_id)]
    files = find_files(args.paths, args.prefix)
    if not files:
        raise WrongUsage("There are no images below these directories.")
    return files


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # its upload will say what is wrong
