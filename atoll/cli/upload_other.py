"""Images for `atoll upload` that are no files: URLs for the cluster to fetch, data URIs, standard input.

They are not in the journal: the command given again uploads them again, and with --public-id that makes a new
version of the same bytes. One after another; each has its own line and its own error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from atoll.cli.context_pairs import context_of
from atoll.cli.upload_report import Outcome, Report
from atoll.client.async_client import AsyncClient
from atoll.client.data_uri import is_data_uri
from atoll.errors import AtollError
from atoll.node_api import AssetView

STDIN = "-"
_SHOWN_CHARS = 40  # of a data URI


def is_other(argument: str) -> bool:
    """Whether an argument names no file."""
    return argument == STDIN or is_data_uri(argument)


async def upload_others(
    sources: Sequence[str], urls: Sequence[str], args: argparse.Namespace, bucket: str, client: AsyncClient
) -> list[AtollError | None]:
    """Upload all of them; an error, or None, each."""
    report = Report(as_json=args.json, files=len(sources) + len(urls))
    for text in (*sources, *urls):
        name = Path(text if len(text) <= _SHOWN_CHARS or text in urls else text[:_SHOWN_CHARS] + "…")
        try:
            asset = await _upload(text, text in urls, args, bucket, client)
        except AtollError as error:
            report.add(Outcome(name, "failed", error=error))
            continue
        regions = tuple(sorted({place.region for place in asset.locations}))
        report.add(Outcome(name, "uploaded", asset.asset_id, asset.url, regions, asset))
    report.summary()
    return report.errors


async def _upload(
    text: str, by_url: bool, args: argparse.Namespace, bucket: str, client: AsyncClient
) -> AssetView:
    wanted = {
        "bucket": bucket,
        "public_id": args.public_id,
        "tags": args.tag,
        "context": context_of(args.context),
        "title": args.title,
        "alt": args.alt,
    }
    if by_url:
        return await client.upload_url(text, durability=args.durability, eager=args.eager, **wanted)
    source = await asyncio.to_thread(sys.stdin.buffer.read) if text == STDIN else text
    return await client.upload(
        source,
        durability=args.durability,
        eager=args.eager,
        **wanted,
    )
