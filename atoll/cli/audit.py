"""What administrators did, the newest first: who (the API key), when, what, and how it ended."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import count
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, show_table
from atoll.client.async_client import AsyncClient
from atoll.client.keys import AuditEntry

_PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll audit`."""
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="how many records (50)")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """See the module."""
    return with_client(args, _show)


async def _show(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    records = await _records(client, args.limit)
    if args.json:
        for record in records:
            emit_json(record)
        return Exit.OK
    rows = [(r.at, r.key, f"{r.method} {r.path}", r.result, _facts(r)) for r in records]
    show_table("Audit record", ("WHEN", "KEY", "WHAT", "RESULT", "FACTS"), rows)
    return Exit.OK


async def _records(client: AsyncClient, limit: int) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    cursor: str | None = None
    while len(found) < limit:
        page = await client.keys.audit(min(_PAGE, limit - len(found)), cursor)
        found += page.records
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _facts(record: AuditEntry) -> str:
    return " ".join(f"{name}={value}" for name, value in record.facts.items())[:80]
