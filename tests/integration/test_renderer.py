"""What the node gets for an order: a whole file at its place or an error, and nothing else on the disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from picture_maker import saved, scene
from PIL import Image
from rendering_stage import rendering

from atoll.errors import TooManyRequests, Unavailable, Undecodable, Unrenderable
from atoll.transformation.steps import Delivery, Effect, Resize
from storage_node.render_protocol import RenderLimits
from storage_node.sniff import JPEG

SMALL = Resize("scale", 30)


@pytest.fixture(scope="module")
def picture():
    return saved("JPEG", scene(300, 200))


@pytest.fixture(scope="module")
def slow_picture():
    """Takes a worker most of a second or more."""
    return saved("PNG", Image.effect_noise((2000, 2000), 90).convert("RGB"), compress_level=1)


SLOW = {"format": "png", "delivery": Delivery(quality=90)}
LARGE = (Resize("scale", 4000, 4000), Effect("blur", 2000), Effect("hue", 50))


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def working(stage):
    """The worker has begun with a file: it is there, or the worker burns time."""
    # An idle one uses nothing; on a crowded machine a busy one gets a little.
    return any(psutil.Process(pid).cpu_percent(0.2) > 5 for pid in stage.renderer.pool.worker_pids())


def test_a_result_tells_what_was_written_and_what_it_took(tmp_path, picture):
    with rendering(tmp_path) as stage:
        found = stage.made(picture, Resize("fill", 60, 50), format="webp")
        assert (found.format, found.width, found.height, found.frames) == ("webp", 60, 50, 1)
        assert found.size_bytes == stage.output.stat().st_size
        assert found.cpu_seconds >= 0
        assert found.seconds > 0
        assert 5 << 20 < found.peak_bytes < 1 << 30
        assert stage.left_over() == []


def test_a_derivative_is_put_where_one_was(tmp_path, picture):
    with rendering(tmp_path) as stage:
        order = stage.order(picture, SMALL)
        order.output.parent.mkdir(parents=True)
        order.output.write_bytes(b"old")
        stage.renderer.begin(order).result()
        assert stage.shown().size == (30, 20)


async def test_the_event_loop_waits_without_a_thread(tmp_path, picture):
    with rendering(tmp_path, workers=2) as stage:
        orders = [stage.order(picture, SMALL) for _ in range(20)]
        found = await asyncio.gather(*(stage.renderer.begin(order).wait() for order in orders))
        assert {one.width for one in found} == {30}
        assert all(order.output.exists() for order in orders)


async def test_a_wait_that_is_cancelled_leaves_no_file(tmp_path, slow_picture, picture):
    # The ended worker's successor takes its time to start, which is no part of this.
    with rendering(tmp_path, queue_seconds=60.0) as stage:
        order = stage.order(slow_picture, *LARGE, **SLOW)
        task = asyncio.create_task(stage.renderer.begin(order).wait())
        await asyncio.to_thread(until, lambda: working(stage))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await stage.renderer.begin(stage.order(picture, SMALL)).wait()).width == 30
        assert not order.output.exists()
        assert stage.left_over() == []


def test_what_was_abandoned_before_it_began_is_never_begun(tmp_path, slow_picture, picture):
    with rendering(tmp_path) as stage:
        running = stage.renderer.begin(stage.order(slow_picture, *LARGE, **SLOW))
        order = stage.order(picture, SMALL)
        stage.renderer.begin(order).abandon()
        running.result()
        stage.made(picture, SMALL)
        assert not order.output.exists()
        assert stage.left_over() == []


def test_a_full_queue_is_429_with_a_time_to_come_back(tmp_path, slow_picture, picture):
    with rendering(tmp_path, waiting=1) as stage:
        running = stage.renderer.begin(stage.order(slow_picture, *LARGE, **SLOW))
        until(lambda: working(stage))
        waiting = stage.renderer.begin(stage.order(picture, SMALL))
        with pytest.raises(TooManyRequests) as caught:
            stage.renderer.begin(stage.order(picture, SMALL))
        assert caught.value.status == 429
        assert caught.value.facts["retry_after"] > 0
        running.result()
        waiting.result()


@pytest.mark.parametrize("way", ["thread", "loop"])
def test_waiting_too_long_for_a_worker_is_429_as_well(tmp_path, slow_picture, picture, way):
    with rendering(tmp_path, queue_seconds=0.05) as stage:
        running = stage.renderer.begin(stage.order(slow_picture, *LARGE, **SLOW))
        until(lambda: working(stage))
        pending = stage.renderer.begin(stage.order(picture, SMALL))
        with pytest.raises(TooManyRequests):
            pending.result() if way == "thread" else asyncio.run(pending.wait())
        assert running.result().width == 4000


def test_what_takes_too_long_is_ended_and_costs_one_request(tmp_path, slow_picture, picture):
    with rendering(tmp_path, job_seconds=60, cpu_share=0.005) as stage:
        with pytest.raises(Unrenderable) as caught:
            stage.made(slow_picture, *LARGE, **SLOW)
        assert caught.value.facts == {"reason": "render_timeout", "limit_seconds": 0.3}
        assert stage.left_over() == []
        assert not stage.output.exists()
        assert stage.made(picture, SMALL).width == 30


@pytest.mark.parametrize("way", ["thread", "loop"])
def test_what_got_no_processor_time_in_time_is_our_fault_and_leaves_no_file(tmp_path, picture, way):
    with rendering(tmp_path, job_seconds=0.5) as stage:
        (pid,) = stage.renderer.pool.worker_pids()
        os.kill(pid, signal.SIGSTOP)
        pending = stage.renderer.begin(stage.order(picture, SMALL))
        with pytest.raises(Unavailable) as caught:
            pending.result() if way == "thread" else asyncio.run(pending.wait())
        assert caught.value.facts["reason"] == "render_starved"
        assert caught.value.facts["retry_after"] > 0
        assert stage.left_over() == []
    assert not stage.output.exists()


def test_a_worker_that_is_killed_costs_nothing_and_one_killed_twice_one_request(
    tmp_path, slow_picture, picture
):
    with rendering(tmp_path) as stage:
        pending = stage.renderer.begin(stage.order(slow_picture, *LARGE, **SLOW))
        until(lambda: working(stage))
        (pid,) = stage.renderer.pool.worker_pids()
        os.kill(pid, signal.SIGKILL)
        assert pending.result().width == 4000

        order = stage.order(slow_picture, *LARGE, **SLOW)
        outcome: list[BaseException] = []
        thread = threading.Thread(target=lambda: outcome.append(_error_of(stage.renderer.begin(order))))
        thread.start()
        while thread.is_alive():
            for pid in stage.renderer.pool.worker_pids():
                os.kill(pid, signal.SIGKILL)
            thread.join(0.2)
        assert isinstance(outcome[0], Undecodable | Unavailable)
        assert not order.output.exists()
        assert stage.left_over() == []
        assert stage.made(picture, SMALL).width == 30


def _error_of(pending) -> BaseException:
    with pytest.raises((Undecodable, Unavailable)) as caught:
        pending.result()
    return caught.value


def test_a_renderer_that_closes_lets_nobody_wait_and_leaves_no_file(tmp_path, slow_picture, picture):
    with rendering(tmp_path) as stage:
        pendings = [stage.renderer.begin(stage.order(slow_picture, *LARGE, **SLOW)) for _ in range(3)]
        until(lambda: working(stage))
    for pending in pendings:
        with pytest.raises(Unavailable):
            pending.result()
    with pytest.raises(Unavailable):
        stage.renderer.begin(stage.order(picture, SMALL))
    assert stage.left_over() == []


def test_a_source_that_went_away_and_a_place_that_cannot_be_written_are_the_nodes_fault(tmp_path, picture):
    with rendering(tmp_path) as stage:
        order = stage.order(picture, SMALL)
        order.source.unlink()
        with pytest.raises(Unavailable):
            stage.renderer.begin(order).result()
        order = stage.order(picture, SMALL)
        order.output.parent.mkdir(parents=True, exist_ok=True)
        order.output.mkdir()
        with pytest.raises(Unavailable):
            stage.renderer.begin(order).result()
        assert stage.left_over() == []


def test_a_buckets_own_limits_count_instead_of_the_nodes(tmp_path, picture):
    with rendering(tmp_path) as stage:
        with pytest.raises(Unrenderable):
            stage.made(picture, SMALL, limits=RenderLimits(max_side=20))
        assert stage.made(picture, SMALL).width == 30


def test_a_worker_short_of_memory_refuses_and_goes_on(tmp_path, picture):
    with rendering(tmp_path, memory_bytes=250 << 20) as stage:
        with pytest.raises(Undecodable) as caught:
            stage.made(
                saved("PNG", Image.new("RGB", (7000, 7000))), Resize("crop", 4000, 4000), Effect("hue", 3)
            )
        assert caught.value.facts["reason"] == "out_of_memory"
        assert stage.made(picture, SMALL).width == 30


def test_the_decoder_is_the_one_that_was_named_and_no_other(tmp_path):
    with rendering(tmp_path) as stage, pytest.raises(Undecodable):
        stage.made(saved("PNG", scene(30, 20)), SMALL, image_type=JPEG)


def test_no_decoder_and_no_engine_is_loaded_in_the_daemon():
    check = (
        "import sys, storage_node.renderer;"
        "sys.exit(any(m.split('.')[0] in ('PIL', 'pillow_heif', 'numpy', 'pilgram') for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
