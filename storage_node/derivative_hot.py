"""What may be answered from memory without a second look, and for how long. Called by `derivative_delivery`.

A signature is checked again every minute, and the answer that is remembered says a minute less than it holds,
so that nobody is told more than is left.
"""

from __future__ import annotations

from aiohttp import web

from atoll.transformation.negotiation import Hints
from storage_node.blob_headers import hot_head
from storage_node.derivative_answer import Terms, shown
from storage_node.derivative_layers import BELIEVED_SECONDS
from storage_node.hot_targets import HotTargets
from storage_node.ram_cache import Entry

_SECONDS = 3600.0
_SIGNED_SECONDS = 60


class HotUrls:
    """Fills `targets`."""

    def __init__(self, targets: HotTargets) -> None:
        self._targets = targets

    @property
    def seen_clears(self) -> int:
        """What `remember` wants to know from the time before the request was let in."""
        return self._targets.clears

    def remember(
        self,
        request: web.Request,
        hints: Hints,
        entry: Entry,
        terms: Terms,
        *,
        layered: bool,
        seen_clears: int,
    ) -> None:
        """This request was answered with `entry` under `terms`; the next one may be at once."""
        lease, seconds = terms.lease, _SECONDS
        if request.method != "GET" or "Authorization" in request.headers or entry.derivative is None:
            return
        if lease.bound:  # the next one to ask may be somewhere else
            return
        if lease.seconds is not None:
            if lease.seconds <= 2 * _SIGNED_SECONDS:
                return
            seconds = _SIGNED_SECONDS
            terms = terms._replace(lease=lease._replace(seconds=lease.seconds - _SIGNED_SECONDS))
        if layered:
            seconds = min(seconds, BELIEVED_SECONDS)
        what = shown(entry.derivative, terms, "ram")
        head = hot_head(what.headers, what.content_type, what.size)
        self._targets.remember(request.raw_path, terms.questions, hints, entry, head, seconds, seen_clears)
