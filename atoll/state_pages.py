"""All that a node knows of many assets, asked for in bounded answers, however many versions there are.

Owns going on where a page ended, also within one asset. Calls nobody: whoever asks gives `ask`. Used by
replicators (node_trees.py) and query services (node_states.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from atoll.errors import UpstreamFailed
from atoll.model import Identifier
from atoll.node_api import AssetState
from atoll.repair_api import StatesAnswer, StatesOrder, StatesPage

STATES_PATH = "/internal/v1/assets/states"
STATES_AT_ONCE = 200  # a node that knows no pages must fit all versions of these into one answer


async def state_parts(
    ask: Callable[[StatesOrder], Awaitable[StatesAnswer]], asset_ids: Sequence[Identifier]
) -> AsyncIterator[tuple[Identifier, AssetState]]:
    """Each asset's state, in order; one of many versions in several parts, newest first, tombstone with each.

    `UpstreamFailed` when an answer does not fit its question; what `ask` raises is passed on.
    """
    left, before = tuple(asset_ids), None
    while left:
        order = StatesOrder(left[:STATES_AT_ONCE], paged=True, before=before)
        page = _page(order, await ask(order))
        for asset_id, state in zip(order.asset_ids, page.states, strict=False):
            yield asset_id, state
        left, before = left[len(page.states) - (page.before is not None) :], page.before


def _page(order: StatesOrder, answer: StatesAnswer) -> StatesPage:
    """The answer as a page that goes on from the question: who repeats itself would be asked for ever."""
    if isinstance(answer, list):
        if len(answer) != len(order.asset_ids):
            raise UpstreamFailed("It told of fewer assets than it was asked about.")
        return StatesPage(tuple(answer))
    if not 1 <= len(answer.states) <= len(order.asset_ids):
        raise UpstreamFailed("It told of fewer assets than it was asked about, or of more.")
    same = len(answer.states) == 1 and order.before is not None
    if same and answer.before is not None and answer.before >= (order.before or ""):
        raise UpstreamFailed("It told the same versions twice.")
    return answer
