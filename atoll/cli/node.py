"""Nodes come and go: list them, drain one and take it back, remove it, put a new one in an old one's place.

A node joins by a one-time token (`join-token` here, `join` there), or is started with the cluster secret and
a set's name. `drain` stops uploads to it and waits until every image is confirmed on the others; `remove`
then takes it out. `replace OLD NEW` waits until NEW,
already started in the same set, has everything, and removes OLD. Broken off, they are simply run again.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import seconds
from atoll.cli.drain_screen import DrainScreen
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.node_join import add_join, add_join_token, invite, join
from atoll.cli.output import emit_json, note, say, show_table, size
from atoll.client.async_client import AsyncClient
from atoll.client.proof_views import Drain

POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll node`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    add_shared(does.add_parser("ls", help="all nodes, removed ones too"))
    for name, text in (
        ("drain", "no new uploads; wait until every image is confirmed elsewhere"),
        ("undrain", "take uploads again"),
        ("remove", "take a drained node out of the cluster"),
    ):
        sub = does.add_parser(name, help=text)
        sub.add_argument("node", metavar="NAME")
        _add_waiting(sub, force=name != "undrain", wait=name == "drain")
    replace = does.add_parser("replace", help="fill a new node of the same set, then remove the old one")
    replace.add_argument("node", metavar="OLD")
    replace.add_argument("new", metavar="NEW")
    _add_waiting(replace, force=True, wait=True)
    add_join_token(does.add_parser("join-token", help="invite a new node: a token for one machine, once"))
    add_join(does.add_parser("join", help="on the new machine: use the token, write the settings"))


def _add_waiting(parser: argparse.ArgumentParser, *, force: bool, wait: bool) -> None:
    if force:
        parser.add_argument("--force", action="store_true", help="its machine is lost, or its set is small")
    if wait:
        parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="stop waiting after so long")
        parser.add_argument("--no-wait", action="store_true", help="begin it and return")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    if args.does == "join":
        return join(args)
    acts = {
        "ls": _list,
        "drain": _drain,
        "undrain": _undrain,
        "remove": _remove,
        "replace": _replace,
        "join-token": invite,
    }
    return with_client(args, acts[args.does])


async def _list(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    nodes = await client.nodes()
    if args.json:
        emit_json(nodes)
        return Exit.OK
    rows = [(n.name, n.region, n.set, n.state, n.health, n.blobs, size(n.bytes_free), n.url) for n in nodes]
    show_table("Nodes", ("NODE", "REGION", "SET", "STATE", "HEALTH", "BLOBS", "FREE", "URL"), rows)
    return Exit.OK


async def _drain(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    await client.operations.change_node(args.node, "draining", force=args.force)
    if args.no_wait:
        return _tell(args, "draining")
    drain = await _wait(args, client)
    if args.json:
        emit_json(drain)
    elif drain.done:
        say("drained", args.node, f"{drain.images} images confirmed on every other node of {drain.set}")
        note(
            f"→ `atoll node remove {args.node}` takes it out; `atoll node undrain {args.node}` takes it back."
        )
    return Exit.OK if drain.done else Exit.UNAVAILABLE


async def _undrain(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    await client.operations.change_node(args.node, "active")
    return _tell(args, "active")


async def _remove(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    await client.operations.change_node(args.node, "removed", force=args.force)
    return _tell(args, "removed")


async def _replace(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    nodes = {node.name: node for node in await client.nodes()}
    old, new = nodes.get(args.node), nodes.get(args.new)
    if old is None or new is None or old.name == new.name:
        raise WrongUsage("Name two different nodes of the cluster; `atoll node ls` shows them.")
    if new.set != old.set or new.state != "active":
        raise WrongUsage(
            f"{new.name} must be an active node of set {old.set}; it is {new.state} in set {new.set}."
        )
    if old.state == "removed":  # it was broken off after that
        return _tell(args, "replaced")
    await client.operations.change_node(args.node, "draining", force=args.force)
    if args.no_wait:
        return _tell(args, "draining")
    drain = await _wait(args, client)
    if not drain.done and not args.force:
        if args.json:
            emit_json(drain)
        return Exit.UNAVAILABLE
    await client.operations.change_node(args.node, "removed", force=args.force)
    return _tell(args, "replaced")


async def _wait(args: argparse.Namespace, client: AsyncClient) -> Drain:
    """Until it is done, or for --timeout; shows what it waits for."""
    end = time.monotonic() + args.timeout if args.timeout is not None else float("inf")
    with DrainScreen(args.node) as screen:
        while True:
            drain = await client.operations.drain(args.node)
            screen.show(drain)
            if drain.done or time.monotonic() >= end:
                break
            await asyncio.sleep(POLL_SECONDS)
    if not drain.done:
        for reason in drain.waiting_for:
            note(f"! {reason}")
        note("Not done yet; run the same command again to go on waiting.")
    return drain


def _tell(args: argparse.Namespace, what: str) -> int:
    if args.json:
        emit_json({"node": args.node, "state": what})
    else:
        say(what, args.node)
    return Exit.OK
