"""Eager derivatives: one at a time, after requests, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry

from atoll.errors import NotFound, TooManyRequests, Unavailable, Unrenderable
from atoll.names import Handle
from storage_node.eager import BUSY, EagerCollector, EagerQueue

HANDLE = Handle("s1", "a" * 64, "jpg")
OTHER = Handle("s1", "b" * 64, "jpg")


class Stage:
    """A queue whose renderings and pauses are noted. `answers`: errors to raise, one a rendering."""

    def __init__(self, limit: int = 10, loads: Iterable[float] = ()) -> None:
        loads = iter(loads)
        self.made: list[tuple[str, str, Handle]] = []
        self.pauses: list[float] = []
        self.answers: list[Exception] = []
        self.at_once = self.most_at_once = 0
        self.queue = EagerQueue(self.render, limit, lambda: next(loads, 0.0), self.pause)

    async def render(self, bucket: str, text: str, handle: Handle) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.answers:
            raise self.answers.pop(0)
        self.made.append((bucket, text, handle))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.queue.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def until_done(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.queue.made + self.queue.failed < count:  # noqa: ASYNC110 - the queue tells nobody
                await asyncio.sleep(0)


async def test_what_an_upload_names_is_made_in_order_one_at_a_time():
    stage = Stage()
    async with stage.running():
        stage.queue.add("pics", ("w_10", "w_20"), HANDLE)
        stage.queue.add("pics", ["w_10"], OTHER)
        await stage.until_done(3)
    assert stage.made == [("pics", "w_10", HANDLE), ("pics", "w_20", HANDLE), ("pics", "w_10", OTHER)]
    assert stage.most_at_once == 1
    assert len(stage.queue) == 0


async def test_what_is_asked_for_again_after_a_while_is_made_again():
    stage = Stage()
    async with stage.running():
        for count in (1, 2):
            stage.queue.add("pics", ["w_10"], HANDLE)
            await stage.until_done(count)
    assert len(stage.made) == 2


async def test_what_waits_already_takes_no_second_place():
    stage = Stage()
    stage.queue.add("pics", ["w_10", "w_10"], HANDLE)
    stage.queue.add("pics", ["w_10"], HANDLE)
    assert len(stage.queue) == 1
    assert stage.queue.dropped == 0


async def test_a_full_queue_drops_what_comes_and_counts_it():
    stage = Stage(limit=2)
    stage.queue.add("pics", ("w_1", "w_2", "w_3", "w_4"), HANDLE)
    assert (len(stage.queue), stage.queue.dropped) == (2, 2)
    async with stage.running():
        await stage.until_done(2)
    assert [text for _, text, _ in stage.made] == ["w_1", "w_2"]


async def test_a_limit_of_zero_makes_none():
    stage = Stage(limit=0)
    stage.queue.add("pics", ["w_1"], HANDLE)
    assert (len(stage.queue), stage.queue.dropped) == (0, 1)


async def test_a_busy_node_is_left_alone_until_it_is_calm():
    stage = Stage(loads=iter((BUSY + 0.1, BUSY + 0.1, BUSY)))
    stage.queue.add("pics", ["w_1"], HANDLE)
    async with stage.running():
        await stage.until_done(1)
    assert len(stage.pauses) == 2


async def test_a_node_that_is_never_calm_makes_them_all_the_same():
    stage = Stage(loads=(1.0 for _ in range(10_000)))
    stage.queue.add("pics", ["w_1"], HANDLE)
    async with stage.running():
        await stage.until_done(1)
    assert stage.made
    assert 1 < sum(stage.pauses) <= 20


async def test_a_rendering_that_finds_no_worker_is_tried_again_later():
    stage = Stage()
    stage.answers = [TooManyRequests("no worker is free"), TooManyRequests("no worker is free")]
    stage.queue.add("pics", ["w_1"], HANDLE)
    async with stage.running():
        await stage.until_done(1)
    assert (stage.queue.made, stage.queue.failed, len(stage.pauses)) == (1, 0, 2)


async def test_one_that_a_busy_machine_did_not_get_done_is_tried_again_later():
    stage = Stage()
    starved = Unavailable("The node is too busy.", reason="render_starved", retry_after=5)
    stage.answers = [starved, starved]
    stage.queue.add("pics", ["w_1", "w_2"], HANDLE)
    async with stage.running():
        await stage.until_done(2)
    assert (stage.queue.made, stage.queue.failed, len(stage.pauses)) == (2, 0, 2)
    assert [text for _, text, _ in stage.made] == ["w_1", "w_2"]


async def test_one_that_never_finds_a_worker_is_given_up_and_the_next_is_made():
    stage = Stage()
    stage.answers = [TooManyRequests("no worker is free") for _ in range(5)]
    stage.queue.add("pics", ["w_1", "w_2"], HANDLE)
    async with stage.running():
        await stage.until_done(2)
    assert (stage.queue.made, stage.queue.failed) == (1, 1)
    assert [text for _, text, _ in stage.made] == ["w_2"]


async def test_one_that_cannot_be_rendered_is_not_tried_again_and_holds_nobody_up():
    stage = Stage()
    stage.answers = [Unrenderable("no such page"), NotFound("deleted")]
    stage.queue.add("pics", ["pg_9", "w_2", "w_3"], HANDLE)
    async with stage.running():
        await stage.until_done(3)
    assert (stage.queue.made, stage.queue.failed, stage.pauses) == (1, 2, [])


async def test_metrics_say_what_came_of_them():
    stage, registry = Stage(limit=1), CollectorRegistry()
    EagerCollector(stage.queue, registry)
    stage.queue.add("pics", ["w_1", "w_2"], HANDLE)
    assert registry.get_sample_value("atoll_node_eager_total", {"result": "dropped"}) == 1
    assert registry.get_sample_value("atoll_node_eager_waiting") == 1
