"""Show a bucket's policy, or change parts of it: `atoll bucket set photos --transformation t=c_fill,w_99`.

What is not named stays as it is. A bucket that is not there yet is made, and then says --public or --private.
Two people who change one bucket at the same moment: the later one's whole policy is kept.
"""

from __future__ import annotations

import argparse

from atoll.bucket import Bucket
from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.bucket_changes import add_changes, changed, differences, policy_rows
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, note, say, show_table
from atoll.client.async_client import AsyncClient
from atoll.errors import NotFound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll bucket`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    show = does.add_parser("show", help="the whole policy")
    show.add_argument("bucket", metavar="NAME")
    add_shared(show)
    change = does.add_parser("set", help="change what is named, keep the rest; needs the scope admin")
    change.add_argument("bucket", metavar="NAME")
    add_changes(change)
    add_shared(change)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, {"show": _show, "set": _set}[args.does])


async def _find(client: AsyncClient, name: str) -> Bucket | None:
    return next((bucket for bucket in await client.buckets() if bucket.name == name), None)


async def _show(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    bucket = await _find(client, args.bucket)
    if bucket is None:
        raise NotFound(f"There is no bucket {args.bucket!r}.", bucket=args.bucket)
    if args.json:
        emit_json(bucket)
    else:
        show_table(bucket.name, ("SETTING", "VALUE"), policy_rows(bucket))
    return 0


async def _set(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    before = await _find(client, args.bucket)
    if before is None and args.visibility is None:
        raise WrongUsage(f"There is no bucket {args.bucket!r} yet: say --public or --private to make it.")
    wanted = changed(before or Bucket(args.bucket), args)
    after = await client.put_bucket(wanted) if wanted != before else wanted
    if args.json:
        emit_json(after)
    else:
        _tell(before, after)
    return 0


def _tell(before: Bucket | None, after: Bucket) -> None:
    found = differences(before, after)
    if not found:
        note(f"{after.name}: nothing to change.")
    for setting, old, new in found:
        if before is None:
            say(setting, new)
        else:
            say(setting, f"{old} -> {new}")
