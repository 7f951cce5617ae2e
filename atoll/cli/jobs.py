"""Heavy work in the background: transform existing images, or store what that makes of them as new versions,
look at them again, export them as ZIP files.

`atoll jobs transform photos/cats/ c_fill,w_200,h_200 --wait` makes a rendition of every image below a prefix.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import count
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say, show_table
from atoll.cli.spans import span
from atoll.client.async_client import AsyncClient
from atoll.client.job_views import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll jobs`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    transform = does.add_parser("transform", help="make transformations of existing images")
    transform.add_argument("where", metavar="BUCKET[/PREFIX]")
    transform.add_argument("transformation", nargs="+", metavar="TRANSFORMATION")
    transform.add_argument("--region", action="append", default=[], metavar="NAME", help="where; repeatable")
    apply = does.add_parser("apply", help="make a new version of images: what a transformation makes of them")
    apply.add_argument("where", metavar="BUCKET[/PREFIX]")
    apply.add_argument("transformation", metavar="TRANSFORMATION")
    look = does.add_parser("look", help="look at images again: faces, colour, placeholders")
    look.add_argument("where", metavar="BUCKET[/PREFIX]")
    export = does.add_parser("export", help="put images into ZIP files to download")
    export.add_argument("where", metavar="BUCKET[/PREFIX]")
    export.add_argument("--keep", type=span, default=86400, metavar="SPAN", help="kept for so long (1d)")
    for sub in (transform, apply, look, export):
        sub.add_argument("--wait", action="store_true", help="until it has ended; exit 1 unless it is done")
        add_shared(sub)
    listing = does.add_parser("ls", help="jobs, the newest first")
    listing.add_argument("--bucket", metavar="NAME", help="of this bucket only")
    listing.add_argument("--limit", type=count, default=20, metavar="N")
    add_shared(listing)
    for action, text in (("show", "how far a job is"), ("wait", "until it ends"), ("cancel", "let go of it")):
        sub = does.add_parser(action, help=text)
        sub.add_argument("job", metavar="JOB")
        add_shared(sub)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(
        args, {"ls": _list, "show": _show, "wait": _wait, "cancel": _cancel}.get(args.does, _order)
    )


async def _order(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    bucket, _, prefix = args.where.partition("/")
    wanted = prefix or None
    if args.does == "transform":
        job = await client.jobs.transform(bucket, args.transformation, prefix=wanted, regions=args.region)
    elif args.does == "apply":
        job = await client.jobs.apply(bucket, args.transformation, prefix=wanted)
    elif args.does == "look":
        job = await client.jobs.look(bucket, prefix=wanted)
    else:
        job = await client.jobs.export(bucket, prefix=wanted, keep_seconds=args.keep)
    if args.wait:
        return await _until_end(args, client, job.id)
    return _tell(args, job)


async def _show(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    return _tell(args, await client.jobs.get(args.job))


async def _wait(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    return await _until_end(args, client, args.job)


async def _cancel(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    return _tell(args, await client.jobs.cancel(args.job))


async def _until_end(args: argparse.Namespace, client: AsyncClient, job: str) -> int:
    def progress(now: Job) -> None:
        if not args.json:
            note(f"{now.state}: {now.progress.done + now.progress.failed} of {now.progress.items}")

    ended = await client.jobs.wait(job, progress=progress)
    _tell(args, ended)
    return Exit.OK if ended.state == "done" and not ended.progress.failed else Exit.SOME_FAILED


def _tell(args: argparse.Namespace, job: Job) -> int:
    if args.json:
        emit_json(job)
        return Exit.OK
    say(job.id, job.state, f"{job.progress.done}/{job.progress.items}")
    for error in job.errors:
        note(f"{error.item}: {error.detail}")
    for file in job.files:
        say(file.url)
    return Exit.OK


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    jobs = (await client.jobs.page(bucket=args.bucket, limit=args.limit)).jobs
    if args.json:
        emit_json(jobs)
        return Exit.OK
    columns = ("JOB", "KIND", "BUCKET", "STATE", "DONE", "FAILED", "OF", "CREATED")
    rows = [
        (j.id, j.kind, j.bucket, j.state, j.progress.done, j.progress.failed, j.progress.items, j.created_at)
        for j in jobs
    ]
    show_table("Jobs", columns, rows)
    return Exit.OK
