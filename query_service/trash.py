"""What of a bucket is in the trash and can be restored, asked of the nodes: the catalog forgets it. I/O.

Each node tells a page in the same order; `merged` lays them over each other, each asset once. Who gave no
answer is part of the result. Called by trash_routes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from atoll.cluster import ClusterMap
from atoll.trash_api import Trashed, TrashOrder, TrashPage
from query_service.testimony import Witnesses

ASK_SECONDS = 5.0


@dataclass(frozen=True)
class TrashTold:
    """One page of all nodes together. `after`: the place behind it; None: the end.

    `complete`: at least one node of every set answered.
    """

    assets: tuple[Trashed, ...]
    after: str | None
    complete: bool
    unasked: dict[str, str]


class TrashAsker:
    """Asks all nodes that count."""

    def __init__(self, cluster: Callable[[], ClusterMap], witnesses: Witnesses) -> None:
        self._cluster, self._witnesses = cluster, witnesses

    async def ask(self, order: TrashOrder) -> TrashTold:
        """A page of what can be restored now."""
        nodes = [node for node in self._cluster().nodes.values() if node.state != "removed"]
        heard = await self._witnesses.ask(
            nodes, "POST", "/internal/v1/trash", TrashPage, body=order, seconds=ASK_SECONDS
        )
        assets, after = merged(heard.said.values(), order.limit)
        told = {node.set for node in nodes if node.name in heard.said}
        complete = {node.set for node in nodes} <= told
        return TrashTold(assets, after, complete, dict(heard.unasked))


def merged(pages: Iterable[TrashPage], limit: int) -> tuple[tuple[Trashed, ...], str | None]:
    """At most `limit` assets of all pages, those first that stay the longest, and the place behind them.

    What lies behind the place that some node did not look beyond is left for the next page, for that node may
    have something before it. Of two words about an asset the later delete's counts.
    """
    pages = list(pages)
    edge = max((page.reached for page in pages if page.reached is not None), default=None)
    newest: dict[str, Trashed] = {}
    for asset in (asset for page in pages for asset in page.assets):
        known = newest.get(asset.record.asset_id)
        if known is None or (known.deleted_at, known.place) < (asset.deleted_at, asset.place):
            newest[asset.record.asset_id] = asset
    reached = (asset for asset in newest.values() if edge is None or asset.place >= edge)
    ordered = sorted(reached, key=lambda asset: asset.place, reverse=True)
    if len(ordered) > limit:
        return tuple(ordered[:limit]), ordered[limit - 1].place
    return tuple(ordered), edge
