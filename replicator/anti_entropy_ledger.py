"""What anti-entropy knows of each peer: when we last held all that it holds, what is missing, how far we are.

Shown in /health and as metrics. Nothing is claimed that was not seen: what could not be asked is null there
and NaN here, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import msgspec.structs
from msgspec import Struct

from atoll.model import Node
from replicator.anti_entropy_figures import RepairFigures


class PeerRepair(Struct, frozen=True):
    """Of one peer, times in Unix milliseconds.

    `complete_at`: when we last held all that it held, uploads of the last seconds aside; `compared_at`: the
    last comparison that came to its end. `missing`: what that one left undone; `fresh`: uploads it left to
    the streams. `progress`: how far the present walk is, 0 to 1; null between walks. `trouble`: why the last
    comparison did not come to its end. `mended` counts from the replicator's start.
    """

    node: str
    region: str
    complete_at: int | None = None
    compared_at: int | None = None
    missing: int | None = None
    fresh: int = 0
    mended: int = 0
    progress: float | None = None
    trouble: str | None = None


class Ledger:
    """One entry per peer. `clock` gives Unix milliseconds."""

    def __init__(self, figures: RepairFigures, clock: Callable[[], int]) -> None:
        self._figures, self._clock = figures, clock
        self._peers: dict[str, PeerRepair] = {}

    @property
    def peers(self) -> dict[str, PeerRepair]:
        """By the node's name."""
        return dict(self._peers)

    def keep_only(self, peers: Iterable[Node]) -> None:
        """These are the peers now; the others are forgotten."""
        names = {peer.name: peer for peer in peers}
        for gone in self._peers.keys() - names.keys():
            self._figures.forget(gone, self._peers.pop(gone).region)
        for name in names.keys() - self._peers.keys():
            self._peers[name] = PeerRepair(name, names[name].region)
            self._figures.watch(
                name, names[name].region, partial(self._lag, name), partial(self._missing, name),
                partial(self._progress, name),
            )  # fmt: skip

    def trouble(self, node: str) -> str | None:
        """Why the last comparison with a peer did not come to its end; None when it did."""
        known = self._peers.get(node)
        return known.trouble if known else None

    def set(self, node: str, **facts: object) -> None:
        """Note facts of a peer that is still one."""
        if node in self._peers:
            self._peers[node] = msgspec.structs.replace(self._peers[node], **facts)

    def mended(self, node: str) -> None:
        """One thing more was mended."""
        if (known := self._peers.get(node)) is not None:
            self.set(node, mended=known.mended + 1)

    def _lag(self, node: str) -> float:
        at = self._peers[node].complete_at
        return math.nan if at is None else max(0.0, (self._clock() - at) / 1000)

    def _missing(self, node: str) -> float:
        missing = self._peers[node].missing
        return math.nan if missing is None else missing

    def _progress(self, node: str) -> float:
        progress = self._peers[node].progress
        return math.nan if progress is None else progress
