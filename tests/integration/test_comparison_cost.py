"""What a comparison of two nodes moves, counted on the wire: next to nothing when they are equal."""

from __future__ import annotations

import asyncio
import shutil
import threading
from contextlib import asynccontextmanager

import pytest

from atoll.model import Node
from atoll.node_client import NodeClient, open_session
from atoll.node_trees import NodeTrees
from benchmarks.comparison import compare
from benchmarks.served_index import served_index
from benchmarks.synthetic_index import add, fill

pytestmark = pytest.mark.integration

HELD = 50_000


@pytest.fixture(scope="module")
def full_index(tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "index.db"
    fill(path, "a-node", range(HELD))
    return path


@asynccontextmanager
async def two_nodes(full_index, directory):
    """Both hold the same, and neither has made a digest of it yet."""
    paths = [directory / name for name in ("here.db", "there.db")]
    for path in paths:
        shutil.copy(full_index, path)
    async with served_index(paths[0], "a-node") as here, served_index(paths[1], "a-node") as there:
        yield here, there


async def test_equal_nodes_move_less_than_a_hundred_kilobytes_however_much_they_hold(full_index, tmp_path):
    async with two_nodes(full_index, tmp_path) as (here, there):
        moved = await compare(here.side, there.side)
        assert moved.equal
        assert moved.questions == 2
        assert moved.peer + moved.own < 5_000
        assert here.digests.leaves_made > 60_000  # they were made of all that is held, on both sides
        assert (await asyncio.to_thread(there.digests.tree, "blobs")).items == HELD


async def test_one_upload_that_is_missing_is_found_by_moving_one_branch_and_one_leaf_of_each_tree(
    full_index, tmp_path
):
    async with two_nodes(full_index, tmp_path) as (here, there):
        await asyncio.to_thread(add, there.index, [HELD])
        moved = await compare(here.side, there.side)
        assert moved.orders == 1
        assert moved.peer + moved.own < 100_000
        assert moved.questions < 20
        made = there.digests.leaves_made
        await asyncio.to_thread(add, there.index, range(HELD + 1, HELD + 100))
        moved = await compare(here.side, there.side)
        assert moved.orders == 100
        assert there.digests.leaves_made - made <= 200  # only what was touched is made anew
        # A hundred leaves lie in a hundred branches, mostly: 9 KB of digests each, from either side.
        assert moved.peer < 100 * 2 * 15_000


async def test_however_many_ask_while_digests_are_made_readers_find_a_thread(tmp_path, monkeypatch):
    path = tmp_path / "index.db"
    fill(path, "a-node", range(10))
    async with served_index(path, "a-node") as served, open_session() as session:
        asked, go_on, refresh = threading.Event(), threading.Event(), served.digests.refresh

        def slow() -> None:
            asked.set()
            assert go_on.wait(60)
            refresh()

        monkeypatch.setattr(served.digests, "refresh", slow)
        side = served.side
        client = NodeClient(session, side.keys, "compare")
        trees = NodeTrees(client, Node(side.name, "here", "s1", f"http://127.0.0.1:{side.port}"), seconds=60)
        many = [asyncio.create_task(trees.roots()) for _ in range(20)]  # more than there are threads
        assert await asyncio.to_thread(asked.wait, 60)
        assert [state.records async for _, state in trees.states(["0" * 26])] == [()]
        assert not any(task.done() for task in many)
        go_on.set()
        assert {roots.blobs.items for roots in await asyncio.gather(*many)} == {10}
