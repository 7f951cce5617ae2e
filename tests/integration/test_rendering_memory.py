"""What a worker takes for a picture of 36 megapixels, and what it keeps of it."""

from __future__ import annotations

import psutil
import pytest
from picture_maker import saved, scene
from rendering_stage import rendering

from atoll.transformation.steps import Resize

SIZE = (7360, 4912)
WHOLE = SIZE[0] * SIZE[1] * 4  # bytes, decoded
IDLE = 60 << 20  # the interpreter, the libraries, what they hold


@pytest.fixture(scope="module")
def large():
    return saved("JPEG", scene(920, 614).resize(SIZE), quality=90)


@pytest.mark.parametrize(
    ("side", "most"),
    [
        (512, IDLE + (16 << 20)),
        (2048, IDLE + WHOLE // 4 + (24 << 20)),
        (4096, IDLE + WHOLE + (100 << 20)),  # the result, and its coefficients for the encoder
    ],
)
def test_no_more_of_it_is_decoded_than_the_result_needs(tmp_path, large, side, most):
    with rendering(tmp_path) as stage:
        found = stage.made(large, Resize("fit", side, side))
        assert (found.width, found.height) == (side, round(side * SIZE[1] / SIZE[0]))
        assert found.peak_bytes < most


def test_a_worker_gives_back_what_a_large_picture_took(tmp_path, large):
    with rendering(tmp_path) as stage:
        stage.made(large, Resize("fit", 4096, 4096))
        (pid,) = stage.renderer.pool.worker_pids()
        assert psutil.Process(pid).memory_info().rss < IDLE + (16 << 20)
