"""What one node knows of many assets, and whether it told all. I/O.

Called by verification.py and catalog_repair.py, which must say so when a node was not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from atoll.errors import AtollError, UpstreamFailed
from atoll.model import Node
from atoll.node_api import AssetState
from atoll.repair_api import StatesAnswer, StatesOrder
from atoll.state_pages import STATES_PATH, state_parts
from query_service.testimony import MAX_REASON, Witnesses

PAGE_SECONDS = 15.0


class Told(NamedTuple):
    """By asset id; of those that a node told of before it fell silent. `unasked`: why, by its name."""

    states: Mapping[str, AssetState]
    unasked: Mapping[str, str]


async def states_of(witnesses: Witnesses, node: Node, asset_ids: Sequence[str]) -> Told:
    """Ask `node` about all of them, as many questions as it takes."""

    async def ask(order: StatesOrder) -> StatesAnswer:
        kind = cast(type[StatesAnswer], StatesAnswer)
        answer = await witnesses.ask([node], "POST", STATES_PATH, kind, body=order, seconds=PAGE_SECONDS)
        if answer.unasked:
            raise UpstreamFailed(answer.unasked[node.name])
        return answer.said[node.name]

    states: dict[str, AssetState] = {}
    try:
        async for asset_id, part in state_parts(ask, asset_ids):
            states[asset_id] = _joined(states.get(asset_id), part)
    except AtollError as error:  # told in the result, by name
        return Told(states, {node.name: error.detail[:MAX_REASON]})
    return Told(states, {})


def _joined(sooner: AssetState | None, later: AssetState) -> AssetState:
    """Two parts of one asset; between them it may have been deleted."""
    if sooner is None:
        return later
    return AssetState(sooner.records + later.records, later.tombstone)
