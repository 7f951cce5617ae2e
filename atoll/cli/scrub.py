"""How far every node is with reading its blobs again: the oldest reading, what was found. Pauses it, too.

Exit code 0 when every node could be asked and none has found anything wrong since its start, 1 otherwise.
"""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, show_table, size
from atoll.client.async_client import AsyncClient
from atoll.client.operations import ScrubView
from atoll.node_api import rfc3339
from atoll.scrub_api import ScrubStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll scrub`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    add_shared(does.add_parser("status", help="how far it is"))
    for name, text in (("pause", "stop reading; remembered over restarts"), ("resume", "go on")):
        sub = does.add_parser(name, help=text)
        sub.add_argument("nodes", metavar="NODE", nargs="*", help="these nodes (default: all)")
        add_shared(sub)


def run(args: argparse.Namespace) -> int:
    """A row per node."""
    return with_client(args, _scrub)


async def _scrub(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    if args.does == "status":
        view = await client.operations.scrub()
    else:
        view = await client.operations.pause_scrub(paused=args.does == "pause", nodes=args.nodes)
    if args.json:
        emit_json(view)
    else:
        _show(view)
    wrong = any(node.facts.bad or node.facts.unreadable for node in view.nodes)
    return Exit.SOME_FAILED if wrong or view.unasked else Exit.OK


def _show(view: ScrubView) -> None:
    heads = (
        "NODE",
        "STATE",
        "ROUND",
        "OLDEST READ (UTC)",
        "RATE",
        "READ",
        "DECODED",
        "BAD",
        "UNREADABLE",
        "OVERDUE",
    )
    show_table("Scrub", heads, [_row(node) for node in view.nodes])
    for node in view.nodes:
        for picture in node.unreadable:
            note(f"! {node.node}: {picture.bucket}/{picture.sha256} cannot be decoded: {picture.reason}")
    for name, why in view.unasked.items():
        note(f"! {name} could not be asked: {why}")


def _row(node: ScrubStatus) -> tuple[object, ...]:
    facts = node.facts
    oldest = rfc3339(facts.oldest_verified_at)[:19].replace("T", " ") if facts.oldest_verified_at else ""
    return (
        node.node,
        "paused" if facts.paused else node.state,
        f"{facts.progress:.0%}",
        oldest,
        f"{size(int(node.rate))}/s",
        node.blobs,
        node.decoded,
        facts.bad,
        facts.unreadable,
        facts.overdue,
    )
