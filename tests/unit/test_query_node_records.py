"""An asset that the catalog does not know is asked of the nodes, and what is deleted stays deleted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from record_maker import a_record, a_tombstone

from atoll.cluster import ClusterMap
from atoll.errors import NotFound, Unavailable
from atoll.model import Node, Region, ReplicaSet
from atoll.node_api import AssetState
from query_service.node_records import NodeRecords

ID = "0" * 26
NEWER = replace(a_record(), version="2" * 26)
NODES = {
    name: Node(name, "eu", name[:2], f"http://127.0.0.1:{port}")
    for port, name in enumerate(("s1a", "s1b", "s2a"), 1)
}


def records(**said: AssetState | None) -> NodeRecords:
    """Nodes that say this; None: no answer. Those that are not named know nothing."""

    async def call(node: Node, _method: str, path: str, _kind: object, **_: Any) -> AssetState:
        assert path == f"/internal/v1/assets/{ID}"
        state = said.get(node.name, AssetState(()))
        if state is None:
            raise Unavailable("away")
        if not state.records and state.tombstone is None:
            raise NotFound("unknown")
        return state

    cluster = ClusterMap(
        regions={"eu": Region("eu", 1, 1)},
        nodes=NODES,
        sets={name: ReplicaSet(name) for name in ("s1", "s2")},
    )
    views = SimpleNamespace(current=lambda: SimpleNamespace(cluster=cluster))
    return NodeRecords(views, SimpleNamespace(call=call))  # type: ignore[arg-type]  # stand in for both


async def test_the_newest_record_of_all_nodes_is_the_asset() -> None:
    asked = records(s1a=AssetState((a_record(),)), s1b=AssetState((NEWER, a_record())))
    assert await asked.current(ID) == NEWER


async def test_what_one_node_knows_to_be_deleted_is_not_found_however_many_have_not_heard() -> None:
    asked = records(s1a=AssetState((a_record(),)), s1b=AssetState((), a_tombstone()))
    with pytest.raises(NotFound):
        await asked.current(ID)


async def test_what_came_after_the_tombstone_is_found() -> None:
    asked = records(s1a=AssetState((NEWER,), a_tombstone()), s1b=AssetState((), a_tombstone()))
    assert await asked.current(ID) == NEWER


async def test_a_silent_node_of_the_set_may_know_of_a_delete() -> None:
    with pytest.raises(Unavailable):
        await records(s1a=AssetState((a_record(),)), s1b=None).current(ID)


async def test_a_silent_node_of_another_set_says_nothing_about_what_was_found() -> None:
    assert await records(s1a=AssetState((a_record(),)), s2a=None).current(ID) == a_record()


async def test_what_nobody_has_is_not_found_and_unknown_while_somebody_is_silent() -> None:
    with pytest.raises(NotFound):
        await records().current(ID)
    with pytest.raises(Unavailable):
        await records(s2a=None).current(ID)
    with pytest.raises(Unavailable):
        await records(s2a=None).by_set(ID)


async def test_a_delete_covers_every_set_that_has_records() -> None:
    there = replace(NEWER, set="s2")
    asked = records(s1a=AssetState((a_record(),)), s1b=None, s2a=AssetState((there,)))
    assert await asked.by_set(ID) == [a_record(), there]
