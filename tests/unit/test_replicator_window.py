"""The window: hands out the best, only while the node takes orders, nothing after its close."""

from __future__ import annotations

import asyncio
import random

from atoll.errors import Unavailable
from atoll.events import BlobStored
from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from replicator.behind import Behind
from replicator.company import SMALL_BYTES, Company
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


def nobody_waits():
    return Company(1, 0, lambda: 0.0)


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
    window = Window(gate, nobody_waits())
    works = [stored(300), stored(1, NOW - MINUTE_MS), stored(100), stored(900, NOW + MINUTE_MS)]
    for work in works:
        window.put(work)
    taken = [await window.take() for _ in works]
    assert [w.event.asset.blob.size for w in taken] == [900, 100, 300, 1]
    keeper.cancel()


async def test_equals_go_in_the_order_they_came():
    gate, keeper = await open_gate()
    window = Window(gate, nobody_waits())
    works = [stored(5) for _ in range(5)]
    for work in works:
        window.put(work)
    assert [await window.take() for _ in works] == works
    keeper.cancel()


async def test_nothing_is_handed_out_while_the_gate_is_shut():
    gate, keeper = await open_gate()
    window = Window(gate, nobody_waits())
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
    window = Window(gate, nobody_waits())
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


async def test_repair_has_its_turn_when_nothing_fresh_waits_and_the_node_takes_orders():
    gate, keeper = await open_gate()
    fresh = Window(gate, nobody_waits())
    behind = Window(Behind(gate, fresh), nobody_waits())
    behind.put(mend := stored(1))
    fresh.put(stored(2))
    taker = asyncio.create_task(behind.take())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not taker.done()
    await fresh.take()
    assert await taker == mend
    gate.shut("away")
    behind.put(mend)
    taker = asyncio.create_task(behind.take())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not taker.done()
    gate._open()
    assert await taker == mend
    keeper.cancel()


async def test_while_an_order_is_under_way_one_takes_what_came_together():
    gate, keeper = await open_gate()
    window = Window(gate, Company(3, 0.5, lambda: 0.0))  # a clock that stands: only a full order goes
    with window.ordered(stored(1)):
        works = [stored(1) for _ in range(3)]
        takers = [asyncio.create_task(window.take()) for _ in range(2)]
        for work in works:
            await asyncio.sleep(0)
            assert not any(taker.done() for taker in takers)
            window.put(work)
        first, second = await asyncio.gather(*takers)
    assert [first, second, *window.take_small(5)] == works
    keeper.cancel()


async def test_one_that_nobody_joins_goes_when_its_time_is_over():
    gate, keeper = await open_gate()
    clock = [0.0]
    window = Window(gate, Company(3, 0.01, lambda: clock[0]))
    with window.ordered(stored(1)):
        window.put(last := stored(1))
        taker = asyncio.create_task(window.take())
        await asyncio.sleep(0)
        assert not taker.done()
        clock[0] = 0.02
        assert await taker == last
    keeper.cancel()


async def test_who_waits_goes_at_once_when_the_answer_is_there():
    gate, keeper = await open_gate()
    window = Window(gate, Company(3, 1000, lambda: 0.0))
    with window.ordered(stored(1)):
        window.put(work := stored(1))
        taker = asyncio.create_task(window.take())
        await asyncio.sleep(0)
        assert not taker.done()
    assert await taker == work
    keeper.cancel()


async def test_nobody_waits_for_the_answer_to_a_large_image():
    gate, keeper = await open_gate()
    window = Window(gate, Company(3, 1000, lambda: 0.0))
    with window.ordered(stored(SMALL_BYTES + 1)):
        window.put(work := stored(1))
        assert await window.take() == work
    keeper.cancel()


async def test_what_goes_before_those_that_wait_for_each_other_does_not_wait_with_them():
    gate, keeper = await open_gate()
    window = Window(gate, Company(3, 0.5, lambda: 0.0))
    with window.ordered(stored(1)):
        window.put(small := stored(1))
        taker = asyncio.create_task(window.take())
        await asyncio.sleep(0)
        assert not taker.done()
        window.put(newer := stored(SMALL_BYTES + 1, NOW + MINUTE_MS))
        assert await taker == newer
        window.put(stored(2))
        window.put(stored(3))
        assert await window.take() == small
    keeper.cancel()
