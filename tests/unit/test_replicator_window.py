"""The window: hands out the best, only while the node takes orders, nothing after its close."""

from __future__ import annotations

import asyncio
import random

from atoll.errors import Unavailable
from atoll.events import BlobStored
from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from replicator.gate import NodeGate
from replicator.priority import MINUTE_MS
from replicator.window import Window
from replicator.work import Stored

NOW = 1_700_000_040_000  # a whole minute


def stored(size, at=NOW):
    asset = AssetRecord(
        new_id(), "p", new_id(), "s1", Blob("pictures", "0" * 64, "jpg", size, Picture(1, 1)), at
    )
    return Stored(BlobStored(new_id(), at, "n", "r", "s1", asset), delivery=None)


async def open_gate():
    """A gate whose node is up, and the task that opened it."""

    async def up():
        return None

    gate = NodeGate(up, 0.01, random.Random(1))
    opened = asyncio.Event()
    gate.on_open(opened.set)
    keeper = asyncio.create_task(gate.run())
    await opened.wait()
    return gate, keeper


async def test_the_newest_minute_goes_first_and_in_it_the_smallest():
    gate, keeper = await open_gate()
    window = Window(gate)
    works = [stored(300), stored(1, NOW - MINUTE_MS), stored(100), stored(900, NOW + MINUTE_MS)]
    for work in works:
        window.put(work)
    taken = [await window.take() for _ in works]
    assert [w.event.asset.blob.size for w in taken] == [900, 100, 300, 1]
    keeper.cancel()


async def test_equals_go_in_the_order_they_came():
    gate, keeper = await open_gate()
    window = Window(gate)
    works = [stored(5) for _ in range(5)]
    for work in works:
        window.put(work)
    assert [await window.take() for _ in works] == works
    keeper.cancel()


async def test_nothing_is_handed_out_while_the_gate_is_shut():
    gate, keeper = await open_gate()
    window = Window(gate)
    keeper.cancel()
    gate.shut("the node is down")
    window.put(stored(1))
    taking = asyncio.create_task(window.take())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not taking.done()
    window.close()
    assert await taking is None


async def test_a_closed_window_hands_out_nothing_and_takes_nothing():
    gate, keeper = await open_gate()
    window = Window(gate)
    window.put(stored(1))
    window.close()
    window.put(stored(2))
    assert await window.take() is None
    assert len(window) == 0
    keeper.cancel()


async def test_the_gate_opens_when_the_node_is_up_and_says_why_until_then():
    answers = [Unavailable("one"), Unavailable("two"), None]
    reasons = []

    async def ask():
        reasons.append(gate.reason)
        if (error := answers.pop(0)) is not None:
            raise error

    gate = NodeGate(ask, 0.0, random.Random(1))
    keeper = asyncio.create_task(gate.run())
    opened = asyncio.Event()
    gate.on_open(opened.set)
    await opened.wait()
    assert reasons == ["The node was not asked yet.", "one", "two"]
    assert gate.is_open
    assert gate.reason is None
    keeper.cancel()
