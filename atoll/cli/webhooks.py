"""Webhooks: endpoints that are told of uploads, deletes and jobs. `create` shows a secret, once."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import count
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say, show_table
from atoll.client.async_client import AsyncClient

EVENTS = ("asset.stored", "asset.updated", "asset.deleted", "job.done", "job.failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll webhooks`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    create = does.add_parser("create", help="have events sent to a URL; shows its secret")
    create.add_argument("url", metavar="URL")
    create.add_argument("--event", action="append", default=[], choices=EVENTS, help="only this; repeatable")
    create.add_argument("--bucket", action="append", default=[], metavar="NAME", help="only this; repeatable")
    add_shared(create)
    add_shared(does.add_parser("ls", help="all endpoints"))
    remove = does.add_parser("rm", help="send nothing more to an endpoint")
    remove.add_argument("webhook", metavar="WEBHOOK")
    add_shared(remove)
    log = does.add_parser("log", help="what was sent to an endpoint, and what waits")
    log.add_argument("webhook", metavar="WEBHOOK")
    log.add_argument("--limit", type=count, default=20, metavar="N")
    add_shared(log)
    again = does.add_parser("redeliver", help="send a delivery once more")
    again.add_argument("webhook", metavar="WEBHOOK")
    again.add_argument("delivery", metavar="DELIVERY")
    add_shared(again)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    work = {"create": _create, "ls": _list, "rm": _remove, "log": _log, "redeliver": _redeliver}[args.does]
    return with_client(args, work)


async def _create(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    made = await client.webhooks.create(args.url, events=args.event, buckets=args.bucket)
    if args.json:
        emit_json(made)
        return Exit.OK
    say(made.webhook.id, made.secret)
    note("The secret is shown this once: verify what comes with it.")
    return Exit.OK


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    hooks = await client.webhooks.all()
    if args.json:
        emit_json(hooks)
        return Exit.OK
    rows = [(h.id, h.url, ",".join(h.events) or "all", ",".join(h.buckets) or "all") for h in hooks]
    show_table("Webhooks", ("WEBHOOK", "URL", "EVENTS", "BUCKETS"), rows)
    return Exit.OK


async def _remove(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    gone = await client.webhooks.remove(args.webhook)
    if args.json:
        emit_json(gone)
    else:
        say("removed", gone.id)
    return Exit.OK


async def _log(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    deliveries = (await client.webhooks.deliveries(args.webhook, limit=args.limit)).deliveries
    if args.json:
        emit_json(deliveries)
        return Exit.OK
    rows = []
    for d in deliveries:
        last = d.attempts[-1] if d.attempts else None
        said = (last.status or last.detail) if last else "-"
        rows.append((d.id, d.type, d.state, len(d.attempts), said, d.next_try or "-", d.created_at))
    show_table("Deliveries", ("DELIVERY", "EVENT", "STATE", "TRIES", "LAST", "NEXT TRY", "CREATED"), rows)
    return Exit.OK


async def _redeliver(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    delivery = await client.webhooks.redeliver(args.webhook, args.delivery)
    if args.json:
        emit_json(delivery)
    else:
        say(delivery.state, delivery.id)
    return Exit.OK
