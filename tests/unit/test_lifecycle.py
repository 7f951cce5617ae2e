"""A daemon stops once, in order, and is never half alive."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from atoll.lifecycle import Stop, Tasks, run


async def for_ever():
    await asyncio.Event().wait()


async def test_a_dying_task_stops_the_daemon_and_says_so(caplog):
    stop = Stop()

    async def dies():
        raise RuntimeError("half alive")

    async with Tasks(stop) as tasks:
        tasks.start("outbox", dies())
        await asyncio.wait_for(stop.wait(), 5)
    assert stop.failed
    assert "task outbox died" in caplog.text
    assert "half alive" in caplog.text


async def test_a_task_that_returns_or_is_cancelled_stops_nothing():
    stop = Stop()

    async def returns():
        """Done at once."""

    async with Tasks(stop) as tasks:
        await tasks.start("short", returns())
        cancelled = tasks.start("long", for_ever())
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
    assert not stop.requested()
    assert not stop.failed


async def test_at_its_end_every_task_is_cancelled_and_awaited():
    ended = []

    async def slow_to_end(name):
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0)  # its own last words take a turn of the loop
            ended.append(name)

    async with Tasks(Stop()) as tasks:
        running = [tasks.start(name, slow_to_end(name)) for name in ("a", "b")]
        await asyncio.sleep(0)
    assert sorted(ended) == ["a", "b"]
    assert all(task.cancelled() for task in running)


async def test_tasks_end_also_when_the_body_fails():
    started = []

    async def body():
        async with Tasks(Stop()) as tasks:
            started.append(tasks.start("long", for_ever()))
            raise KeyError("body")

    with pytest.raises(KeyError):
        await body()
    assert started[0].cancelled()


async def test_a_task_that_fails_while_it_is_cancelled_marks_the_failure():
    stop = Stop()

    async def fails_at_its_end():
        try:
            await for_ever()
        finally:
            raise RuntimeError("last words")

    async with Tasks(stop) as tasks:
        tasks.start("clumsy", fails_at_its_end())
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert stop.failed


async def test_tasks_have_their_names():
    async with Tasks(Stop()) as tasks:
        assert tasks.start("heartbeats", for_ever()).get_name() == "heartbeats"


async def test_a_stop_wakes_every_sleeper_at_once():
    stop = Stop()
    sleepers = [asyncio.create_task(stop.sleep(3600)) for _ in range(3)]
    await asyncio.sleep(0)
    stop.request()
    assert await asyncio.wait_for(asyncio.gather(*sleepers), 5) == [True] * 3


async def test_a_sleep_without_a_stop_ends_by_itself():
    assert await Stop().sleep(0.001) is False


async def test_a_failure_is_not_forgotten_by_a_later_request():
    stop = Stop()
    stop.request(failed=True)
    stop.request()
    assert stop.failed
    assert stop.requested()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_daemon_in_order(number):
    ended = []

    async def main(stop):
        os.kill(os.getpid(), number)
        await stop.wait()
        ended.append("in order")

    assert run(main) == 0
    assert ended == ["in order"]


def test_a_daemon_that_failed_has_exit_code_1():
    async def main(stop):
        stop.request(failed=True)

    assert run(main) == 1
