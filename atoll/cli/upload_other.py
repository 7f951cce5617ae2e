"""Images for `atoll upload` that are no files: URLs for the cluster to fetch, data URIs, standard input.

They are not in the journal: the command given again uploads them again, and with --public-id that makes a new
version of the same bytes. Each has its own line and its own error. Several URLs are one order, or a few; if
that is refused for one of them, one order each.
"""

from __future__ import annotations

import argparse
from collections.abc import Coroutine, Sequence
from typing import IO, Any

from atoll.cli.context_pairs import context_of
from atoll.cli.upload_report import Outcome, Report
from atoll.client.async_client import AsyncClient
from atoll.client.data_uri import is_data_uri
from atoll.client.source import local_file
from atoll.client.url_list_calls import MAX_URLS, UrlOutcome
from atoll.errors import AtollError, Rejected
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
    wanted = _wanted(args, bucket)
    for text in sources:
        name = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
        await _report(report, name, _source(text, args, wanted, client))
    for start in range(0, len(urls), MAX_URLS):
        await _upload_urls(urls[start : start + MAX_URLS], args, wanted, client, report)
    report.summary()
    return report.errors


def _wanted(args: argparse.Namespace, bucket: str) -> dict[str, Any]:
    return {
        "bucket": bucket,
        "tags": args.tag,
        "context": context_of(args.context),
        "title": args.title,
        "alt": args.alt,
        "durability": args.durability,
        "eager": args.eager,
    }


async def _upload_urls(
    urls: Sequence[str], args: argparse.Namespace, wanted: dict[str, Any], client: AsyncClient, report: Report
) -> None:
    outcomes = await _in_one_order(urls, wanted, client) if len(urls) > 1 else None
    for outcome in outcomes or ():
        _add(report, outcome.url, outcome.asset, outcome.error)
    for url in urls if outcomes is None else ():
        await _report(report, url, client.upload_url(url, public_id=args.public_id, **wanted))


async def _in_one_order(
    urls: Sequence[str], wanted: dict[str, Any], client: AsyncClient
) -> Sequence[UrlOutcome] | None:
    """None when the order as a whole was refused."""
    try:
        return await client.upload_urls(urls, **wanted)
    except Rejected:
        return None
    except AtollError as error:
        return [UrlOutcome(url, error=error) for url in urls]


async def _source(
    text: str, args: argparse.Namespace, wanted: dict[str, Any], client: AsyncClient
) -> AssetView:
    if text != STDIN:
        return await client.upload(text, public_id=args.public_id, **wanted)
    with _standard_input() as source:
        return await client.upload(source, public_id=args.public_id, **wanted)


def _standard_input() -> IO[bytes]:
    """Without the buffer of `sys.stdin`, whose lock a read under way at Ctrl-C holds."""
    with local_file("standard input"):
        return open(0, "rb", buffering=0, closefd=False)


async def _report(report: Report, name: str, upload: Coroutine[Any, Any, AssetView]) -> None:
    try:
        _add(report, name, await upload, None)
    except AtollError as error:
        _add(report, name, None, error)


def _add(report: Report, name: str, asset: AssetView | None, error: AtollError | None) -> None:
    if asset is None:
        report.add(Outcome(name, "failed", error=error))
        return
    regions = tuple(sorted({place.region for place in asset.locations}))
    report.add(Outcome(name, "uploaded", asset.asset_id, asset.url, regions, asset))
