"""Make, list, show, change and delete buckets: `atoll bucket set photos --transformation t=c_fill,w_99`.

What `set` does not name stays as it is. `delete` takes an empty bucket; with --force everything in it is
deleted first, and every node confirms it. Of two people who change one bucket at the same moment the later
one is told so, and nothing of the first one's change is lost.
"""

from __future__ import annotations

import argparse
import asyncio

from atoll.bucket import Bucket
from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.bucket_changes import add_changes, changed, differences, policy_rows
from atoll.cli.bucket_rules import add_rules, ruled
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, note, say, show_table
from atoll.client.async_client import AsyncClient
from atoll.client.bucket_calls import BucketDeletion, BucketDetails
from atoll.client.views import KeptBucket
from atoll.errors import Conflict

_LOOK_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll bucket`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    add_shared(does.add_parser("list", help="all buckets"))
    for name, text in (
        ("create", "make one; needs the scope admin"),
        ("show", "the whole policy, and how much is in it"),
        ("set", "change what is named, keep the rest; needs the scope admin"),
        ("delete", "delete an empty one, or with --force all that is in it; needs the scope admin"),
    ):
        one = does.add_parser(name, help=text)
        one.add_argument("bucket", metavar="NAME")
        if name in {"create", "set"}:
            add_changes(one)
            add_rules(one)
        if name == "delete":
            _add_delete(one)
        add_shared(one)


def _add_delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="delete everything in it first")
    parser.add_argument(
        "--trash-seconds", type=int, metavar="N", help="how long nodes keep the bytes; 0: not"
    )
    parser.add_argument("--no-wait", action="store_true", help="with --force: do not wait for the end")


def run(args: argparse.Namespace) -> int:
    """See the module."""
    does = {"list": _list, "create": _create, "show": _show, "set": _set, "delete": _delete}
    return with_client(args, does[args.does])


async def _find(client: AsyncClient, name: str) -> KeptBucket | None:
    return next((bucket for bucket in await client.buckets() if bucket.name == name), None)


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    buckets = await client.buckets()
    if args.json:
        emit_json({"buckets": buckets})
    else:
        rows = [(b.name, b.visibility, b.durability, " ".join(b.home_regions) or "all") for b in buckets]
        show_table("Buckets", ("BUCKET", "VISIBILITY", "DURABILITY", "REGIONS"), rows)
    return 0


async def _show(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    bucket = await client.bucket(args.bucket)
    if args.json:
        emit_json(bucket)
    else:
        show_table(bucket.name, ("SETTING", "VALUE"), [*policy_rows(bucket), *_usage_rows(bucket)])
    return 0


def _usage_rows(bucket: BucketDetails) -> list[tuple[str, str]]:
    usage, quota = bucket.usage, bucket.quota
    least = "" if usage.complete else "at least "
    rows = [
        (f"used {name}", f"{least}{used}" + ("" if limit is None else f" of {limit}"))
        for name, used, limit in (("bytes", usage.bytes, quota.bytes), ("assets", usage.assets, quota.assets))
    ]
    return rows + [(f"not asked: {node}", why) for node, why in sorted(usage.unasked.items())]


async def _create(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    if args.visibility is None:
        raise WrongUsage("Say --public or --private.")
    if await _find(client, args.bucket) is not None:
        raise Conflict(f"There is a bucket {args.bucket!r} already.", bucket=args.bucket)
    return await _set(args, client, access)


async def _set(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    before = await _find(client, args.bucket)
    if before is None and args.visibility is None:
        raise WrongUsage(f"There is no bucket {args.bucket!r} yet: say --public or --private to make it.")
    wanted = ruled(changed(before or Bucket(args.bucket), args), args)
    etag = before.etag if before else None
    after = await client.put_bucket(wanted, if_etag=etag) if wanted != before else wanted
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


async def _delete(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    done = await client.delete_bucket(args.bucket, force=args.force, trash_seconds=args.trash_seconds)
    left = None
    while done.state != "deleted" and not args.no_wait:
        if done.left != left and not args.json:
            left = done.left
            note(f"{done.bucket}: {left} of {done.assets} images left")
        await asyncio.sleep(_LOOK_SECONDS)
        done = await client.bucket_deletion(args.bucket)
    if args.json:
        emit_json(done)
    else:
        _show_end(done)
    return 0


def _show_end(done: BucketDeletion) -> None:
    rows = [(r.node, r.region, "nothing left" if r.confirmed else "not yet", r.at) for r in done.receipts]
    rows += [(node, "", why, "") for node, why in sorted(done.unasked.items())]
    show_table(f"{done.bucket}: {done.state}", ("NODE", "REGION", "SAYS", "AT"), rows)
