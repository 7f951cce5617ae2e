"""The demo's step about images: one photograph in several sizes and formats, by URL alone."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console

from atoll.client.views import Resolved
from atoll.errors import AtollError
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from atoll.local.demo_steps import Sent, client_at
from atoll.local.tables import plain_table

ASKED = (
    "c_limit,w_640/f_auto,q_auto",
    "c_fill,g_auto,h_200,w_200",
    "c_fit,w_320/e_sepia",
)
_BROWSER = {"Accept": "image/webp,image/*;q=0.8"}  # AVIF takes longer than a show should


async def show_sizes(console: Console, cluster: LocalCluster, one: Sent) -> float:
    """Ask the nearest node for derivatives, each twice; milliseconds of the slowest first answer."""
    place = REGIONS[0]
    table = plain_table(
        f"The same picture ({one.asset.width} x {one.asset.height}), made to size by its URL",
        *("asked for", "came as", "bytes", "first", "again"),
        right=frozenset({"bytes", "first", "again"}),
    )
    slowest = 0.0
    async with client_at(cluster, place) as client, aiohttp.ClientSession(headers=_BROWSER) as session:
        for transformation in ASKED:
            answer = await client.url(one.asset.asset_id, transformation=transformation)
            kind, size, first = await _get(session, answer)
            *_, again = await _get(session, answer)
            table.add_row(
                answer.transformation or "", kind, f"{size:,}", f"{first:.0f} ms", f"{again:.1f} ms"
            )
            slowest = max(slowest, first)
    console.print(table)
    return slowest


async def _get(session: aiohttp.ClientSession, answer: Resolved) -> tuple[str, int, float]:
    """Type and length of what the node answers, and after how many milliseconds it was all there."""
    began = time.perf_counter()
    async with session.get(answer.url) as response:
        body = await response.read()
        if response.status != 200:
            path = urlsplit(answer.url).path
            raise AtollError(f"{answer.node} answers {response.status} for {path}: {body[:300]!r}")
    return response.content_type, len(body), (time.perf_counter() - began) * 1000
