"""Asking for the trash: what the silence of some nodes means, and what programs are told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from atoll.client.trash_calls import TrashCalls
from atoll.cluster import ClusterMap
from atoll.errors import Unavailable
from atoll.model import Node, Region, ReplicaSet
from atoll.trash_api import TrashOrder, TrashPage
from query_service import testimony
from query_service.trash import TrashAsker


def asked(silent: dict[str, str]) -> TrashAsker:
    """Of two sets: `eu-1` and `us-1` hold s1, `eu-2` holds s2; `gone` was removed and would hold s2."""
    sets = {"eu-1": "s1", "us-1": "s1", "eu-2": "s2", "gone": "s2"}
    nodes = [
        Node(name, "eu", of, f"http://{name}", state="removed" if name == "gone" else "active")
        for name, of in sets.items()
    ]
    cluster = ClusterMap.of([Region("eu", 50, 8), ReplicaSet("s1"), ReplicaSet("s2"), *nodes])

    async def ask(members: list[Node], *_: object, **__: object) -> testimony.Testimony[TrashPage]:
        said = {node.name: TrashPage(node.name, (), None) for node in members if node.name not in silent}
        return testimony.Testimony(said, silent)

    return TrashAsker(lambda: cluster, SimpleNamespace(ask=ask))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("silent", "complete"), [([], True), (["us-1"], True), (["eu-2"], False), (["eu-1", "us-1"], False)]
)
async def test_it_is_complete_when_a_node_of_each_set_answered(silent: list[str], complete: bool) -> None:
    found = await asked(dict.fromkeys(silent, "late")).ask(TrashOrder("photos"))
    assert (found.complete, sorted(found.unasked)) == (complete, sorted(silent))


class Pages:
    """A query service that has these pages of the trash, and is told what was asked for."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages, self.params = list(pages), list[dict[str, str]]()

    async def call(self, method: str, path: str, kind: Any, *, params: dict[str, str]) -> Any:
        self.params.append(params)
        return msgspec.convert(self.pages.pop(0), kind)


def a_page(*names: str, **more: Any) -> dict[str, Any]:
    facts = {"bucket": "photos", "public_id": "x", "deleted_at": "", "erased_at": ""}
    return {"assets": [{"asset_id": name, **facts} for name in names], **more}


async def test_a_program_is_told_all_pages_and_then_that_there_may_be_more() -> None:
    pages = Pages(a_page("a", next_cursor="on", complete=False, unasked={"eu-2": "late"}), a_page("b"))
    found = TrashCalls(pages).deleted("photos", "x")  # type: ignore[arg-type]
    assert [(await anext(found)).asset_id for _ in range(2)] == ["a", "b"]
    with pytest.raises(Unavailable) as raised:
        await anext(found)
    assert raised.value.facts["unasked"] == {"eu-2": "late"}
    assert [params.get("cursor") for params in pages.params] == [None, "on"]


async def test_a_program_asks_for_no_more_than_it_wants() -> None:
    pages = Pages(a_page("a", "b", next_cursor="on"), a_page("c", next_cursor="on"))
    found = TrashCalls(pages).deleted("photos", limit=3)  # type: ignore[arg-type]
    assert [asset.asset_id async for asset in found] == ["a", "b", "c"]
    assert [params["limit"] for params in pages.params] == ["3", "1"]
