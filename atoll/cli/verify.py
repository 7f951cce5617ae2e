"""Prove where images are: which nodes must hold each, which do, since when, and when they last read it.

`atoll verify ID` proves one image; `--all` proves every image of every set, resumes a walk that was broken
off, and ends with a page that can be handed on. With `--deep` every node reads and hashes its bytes now.
Never says "complete" when a node could not be asked. Exit code 0 only for a complete proof, 1 otherwise.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.branch_walk import BranchNotes, left_to_walk, walk, with_nodes
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, note, show_table
from atoll.cli.proof_page import Proof, page_of
from atoll.client.async_client import AsyncClient
from atoll.client.proof_views import AssetVerdict, NodeReceipt, VerifiedBranch
from atoll.client.reference import parse_reference
from atoll.client.source import local_file

PARALLEL = 3  # branches at a time; the service takes 4
RESUME_SECONDS = 86_400.0  # what was looked at earlier is looked at again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll verify`."""
    parser.add_argument("asset", metavar="ID", nargs="?", help="an asset id, or BUCKET/PUBLIC_ID")
    parser.add_argument("--all", action="store_true", help="every image of every set")
    parser.add_argument("--set", metavar="NAME", help="with --all: this set only")
    parser.add_argument("--deep", action="store_true", help="every node reads and hashes the bytes now")
    parser.add_argument("--fresh", action="store_true", help="do not resume a walk that was broken off")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --all: write the page there too")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A table, or the page."""
    if bool(args.asset) == args.all:
        raise WrongUsage("Say either which asset, or --all.")
    return with_client(args, _all if args.all else _one)


async def _one(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    verdict = await client.operations.verify(parse_reference(args.asset).asset(), deep=args.deep)
    if args.json:
        emit_json(verdict)
    else:
        show_table(
            args.asset,
            ("NODE", "REGION", "STATE", "DURABLE SINCE (UTC)", "LAST READ (UTC)", "NOW"),
            [_row(node, verdict) for node in verdict.receipt.nodes],
        )
        note(_sentence(verdict))
    return Exit.OK if verdict.proven else Exit.SOME_FAILED


def _row(node: NodeReceipt, verdict: AssetVerdict) -> tuple[object, ...]:
    now = verdict.found.get(node.node, "")
    if node.unasked:
        return node.node, node.region, "not asked", "", "", now
    held = next((h for h in node.held if h.version == verdict.receipt.version), None)
    if held:
        return node.node, node.region, "held", _second(held.durable_since), _second(held.verified_at), now
    state = f"deleted {_second(node.deleted_at)}" if node.deleted_at else "missing"
    return node.node, node.region, state, "", "", now


def _sentence(verdict: AssetVerdict) -> str:
    receipt = verdict.receipt
    if verdict.proven:
        return f"complete: {receipt.state} on all {len(receipt.nodes)} nodes of set {receipt.set}"
    reasons = [f"{name} could not be asked" for name in receipt.unasked]
    reasons += [f"{name} does not confirm it" for name in receipt.missing]
    reasons += [f"{name}: {found}" for name, found in verdict.found.items() if found != "right"]
    return "NOT complete: " + "; ".join(reasons or ["no node knows it"])


def _second(text: str) -> str:
    return text[:19].replace("T", " ")


async def _all(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    wanted = [s for s in await client.sets() if args.set in {None, s.name}]
    if not wanted:
        raise WrongUsage(f"There is no set {args.set!r}." if args.set else "The cluster has no set yet.")
    sets = with_nodes(wanted)
    nodes = {node.name: node.region for node in await client.nodes() if node.state != "removed"}
    with BranchNotes(
        access.kept(f"verify{'-deep' if args.deep else ''}", ".jsonl"),
        VerifiedBranch,
        about=" ".join(sorted(nodes)),
        most_seconds=RESUME_SECONDS,
        resume=not args.fresh,
    ) as notes:
        todo = await left_to_walk(
            sets, lambda name: client.operations.verify_survey(name, deep=args.deep), notes
        )
        await walk(
            todo,
            lambda name, branch: client.operations.verify_branch(name, branch, deep=args.deep),
            notes,
            what="verifying",
            parallel=PARALLEL,
        )
        done = [done for done in notes.done if done.set in sets]
        begun = datetime.fromtimestamp(notes.begun, UTC)
        proof = Proof.of(done, nodes, deep=args.deep, begun=begun)
        _show(proof, args)
        notes.forget()
    return Exit.OK if proof.complete else Exit.SOME_FAILED


def _show(proof: Proof, args: argparse.Namespace) -> None:
    page = page_of(proof)
    if args.out is not None:
        with local_file(args.out):
            args.out.write_text(page, encoding="utf-8")
    if args.json:
        emit_json(proof.document())
    else:
        print(page, end="")
