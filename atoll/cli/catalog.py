"""The catalog against the nodes: `check` compares and writes nothing, `rebuild` makes it from the nodes.

Online: reads, uploads and deletes go on. A walk that was broken off is resumed. Exit code 0 when catalog and
nodes agree (after a rebuild: now agree), 1 when they differ or a node could not be asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.branch_walk import BranchNotes, left_to_walk, walk, with_nodes
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, show_table
from atoll.client.async_client import AsyncClient
from atoll.client.proof_views import CatalogBranch

PARALLEL = 3
RESUME_SECONDS = 3600.0  # the catalog may be another by then
_COUNTS = (
    "assets",
    "missing",
    "outdated",
    "ghosts",
    "wrong_locations",
    "missing_versions",
    "ghost_versions",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll catalog`."""
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    for name, text in (
        ("check", "compare; write nothing"),
        ("rebuild", "make the catalog from what the nodes say"),
    ):
        sub = does.add_parser(name, help=text)
        sub.add_argument("--fresh", action="store_true", help="do not resume a walk that was broken off")
        add_shared(sub)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, _walk)


async def _walk(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    rebuild = args.does == "rebuild"
    sets = with_nodes(await client.sets())
    nodes = sorted(node.name for node in await client.nodes() if node.state != "removed")
    with BranchNotes(
        access.kept(f"catalog-{args.does}", ".jsonl"),
        CatalogBranch,
        about=" ".join(nodes),
        most_seconds=RESUME_SECONDS,
        resume=not args.fresh,
    ) as notes:
        todo = await left_to_walk(sets, client.operations.catalog_survey, notes)
        await walk(
            todo,
            lambda name, branch: client.operations.catalog_branch(name, branch, rebuild=rebuild),
            notes,
            what="rebuilding" if rebuild else "checking",
            parallel=PARALLEL,
        )
        done = [branch for branch in notes.done if branch.set in sets]
        code = _tell(args, done, rebuild=rebuild)
        notes.forget()
    return code


def _tell(args: argparse.Namespace, done: Iterable[CatalogBranch], *, rebuild: bool) -> int:
    done = list(done)
    totals = {name: sum(getattr(branch, name) for branch in done) for name in _COUNTS}
    unasked = {name: why for branch in done for name, why in branch.unasked.items()}
    refused = sum(branch.refused for branch in done)
    agree = not unasked and not refused and (rebuild or not any(totals[name] for name in _COUNTS[1:]))
    if args.json:
        emit_json({"agree": agree, "rebuilt": rebuild, **totals, "refused": refused, "unasked": unasked})
    else:
        heads = tuple(name.replace("_", " ").upper() for name in _COUNTS)
        show_table("Rebuilt" if rebuild else "Catalog", heads, [tuple(totals.values())])
        for name, why in unasked.items():
            note(f"! {name} could not be asked: {why}")
        if refused:
            note(f"! MongoDB refused {refused} documents; the query service's log says why")
        note("catalog and nodes agree" if agree else "catalog and nodes do NOT agree")
    return Exit.OK if agree else Exit.SOME_FAILED
