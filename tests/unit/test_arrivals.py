"""Waiting for what is on its way: woken by news, bounded, and not twice for what did not come."""

from __future__ import annotations

import asyncio

import pytest

from query_service import arrivals
from query_service.arrivals import Arrivals, Found

SOON = 5.0


class Shelf:
    """What there is: assets by id, and what is expected, by a word. `looks` counts."""

    word = "a ticket's"

    def __init__(self, *expected):
        self.assets, self.expected, self.looks = {}, set(expected), 0
        self.looked = asyncio.Event()

    async def look(self, asset_ids):
        self.looks += 1
        self.looked.set()
        found = {i: self.assets[i] for i in asset_ids if i in self.assets}
        return Found(found, {i: self.word for i in asset_ids if i in self.expected and i not in found})

    def comes(self, asset_id):
        self.assets[asset_id] = f"the asset {asset_id}"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def words(*asset_ids):
    return dict.fromkeys(asset_ids, Shelf.word)


def waiting(seconds=SOON, most=10, clock=None, came=lambda _: None):
    return Arrivals(seconds, most, clock or Clock(), came)


async def under_way(arrivals, shelf, *asset_ids, **more):
    """Somebody who waits, and has looked."""
    task = asyncio.create_task(arrivals.wait(words(*asset_ids), shelf.look, **more))
    await shelf.looked.wait()
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_what_comes_wakes_who_waits_for_it_and_nobody_polls():
    came = []
    shelf, waits = Shelf("a", "b"), waiting(came=came.append)
    one, two = await under_way(waits, shelf, "a"), await under_way(waits, shelf, "b")
    shelf.comes("a")
    waits.told(["a", "unknown"])
    assert await one == {"a": "the asset a"}
    assert not two.done()
    shelf.comes("b")
    waits.told(None)
    assert await two == {"b": "the asset b"}
    assert (shelf.looks, came, waits.waiting) == (4, [1, 1], 0)
    assert not waits._waiters


async def test_several_are_waited_for_together():
    shelf, waits = Shelf("a", "b"), waiting()
    task = await under_way(waits, shelf, "a", "b")
    shelf.comes("b")
    waits.told(["b"])
    await asyncio.sleep(0)
    shelf.comes("a")
    waits.told(["a"])
    assert await task == {"a": "the asset a", "b": "the asset b"}


async def test_news_of_the_moment_of_the_look_is_not_missed():
    shelf, waits = Shelf("a"), waiting()

    async def look(asset_ids):
        found = await shelf.look(asset_ids)
        if shelf.looks == 1:
            shelf.comes("a")
            waits.told(["a"])  # while the answer, which lacks it, is on its way
        return found

    assert await asyncio.wait_for(waits.wait(words("a"), look), SOON) == {"a": "the asset a"}


async def test_what_is_expected_no_more_is_given_up_at_its_news():
    shelf, waits = Shelf("a"), waiting()
    task = await under_way(waits, shelf, "a")
    shelf.expected.clear()
    waits.told(["a"])
    assert await asyncio.wait_for(task, SOON) == {}


async def test_a_last_look_finds_what_came_without_news():
    shelf, waits = Shelf("a"), Arrivals(0.05, 10, asyncio.get_running_loop().time)
    task = await under_way(waits, shelf, "a")
    shelf.comes("a")
    assert await task == {"a": "the asset a"}


@pytest.mark.parametrize("what", ["news", "a new ticket", "time"])
async def test_what_was_waited_for_in_vain_is_answered_at_once_until_something_is_new(what):
    loop, shift = asyncio.get_running_loop(), 0.0
    shelf, waits = Shelf("a"), Arrivals(0.02, 10, lambda: loop.time() + shift)
    assert await waits.wait(words("a"), shelf.look) == {}
    looks = shelf.looks
    assert await waits.wait(words("a"), shelf.look) == {}
    assert shelf.looks == looks
    shelf.comes("a")
    if what == "news":
        waits.told(["a"])
    shift = arrivals.VAIN_SECONDS if what == "time" else 0.0
    expected = {"a": "another ticket's"} if what == "a new ticket" else words("a")
    assert await waits.wait(expected, shelf.look) == {"a": "the asset a"}


async def test_who_had_less_patience_says_nothing_for_the_others():
    loop = asyncio.get_running_loop()
    shelf, waits = Shelf("a"), Arrivals(SOON, 10, loop.time)
    assert await waits.wait(words("a"), shelf.look, 0.02) == {}
    assert await waits.wait(words("a"), shelf.look, 0) == {}
    task = await under_way(waits, shelf, "a")
    shelf.comes("a")
    waits.told(["a"])
    assert await task == {"a": "the asset a"}


async def test_who_has_more_patience_than_we_waits_as_long_as_we():
    shelf, waits = Shelf("a"), Arrivals(0.02, 10, asyncio.get_running_loop().time)
    assert await asyncio.wait_for(waits.wait(words("a"), shelf.look, 60), SOON) == {}


async def test_a_memory_of_waits_in_vain_is_bounded(monkeypatch):
    monkeypatch.setattr(arrivals, "MOST_IN_VAIN", 2)
    shelf, waits = Shelf("a", "b", "c"), Arrivals(0.001, 10, asyncio.get_running_loop().time)
    for asset_id in "abc":
        await waits.wait(words(asset_id), shelf.look)
    looks = shelf.looks
    await waits.wait(words("c"), shelf.look)
    assert shelf.looks == looks
    await waits.wait(words("a"), shelf.look)
    assert shelf.looks > looks


async def test_more_than_may_wait_are_answered_at_once():
    shelf, waits = Shelf("a", "b"), waiting(most=1)
    task = await under_way(waits, shelf, "a")
    assert await waits.wait(words("b"), shelf.look) == {}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waits.waiting == 0  # a place that somebody left is free
    assert not waits._waiters
    other = await under_way(waits, shelf, "b")
    shelf.comes("b")
    waits.told(["b"])
    assert await other == {"b": "the asset b"}


async def test_one_asset_does_not_take_all_places(monkeypatch):
    monkeypatch.setattr(arrivals, "MOST_FOR_ONE", 1)
    shelf, waits = Shelf("a", "b"), waiting()
    first, other = await under_way(waits, shelf, "a"), await under_way(waits, shelf, "b")
    assert await waits.wait(words("a"), shelf.look) == {}
    for asset_id in "ab":
        shelf.comes(asset_id)
        waits.told([asset_id])
    assert (await first, await other) == ({"a": "the asset a"}, {"b": "the asset b"})


async def test_an_error_of_a_look_is_the_callers_and_frees_the_place():
    async def away(_):
        raise ValueError("away")

    waits = waiting()
    with pytest.raises(ValueError, match="away"):
        await waits.wait(words("a"), away)
    assert waits.waiting == 0


async def test_zero_seconds_wait_for_nothing():
    shelf = Shelf("a")
    assert await waiting(seconds=0).wait(words("a"), shelf.look) == {}
    assert shelf.looks == 0
