"""A task that a node could not do now: whether that counts against it."""

from __future__ import annotations

import pytest

from atoll.errors import AtollError, Overloaded, TooManyRequests, Unavailable, Undecodable, UpstreamFailed
from storage_node.jobs.attempt import gives_way


@pytest.mark.parametrize(
    "error",
    [
        Overloaded("too much is going on"),
        TooManyRequests("no worker is free", retry_after=1),
        Unavailable("too busy to render", reason="render_starved", retry_after=5),
        Unavailable("too busy to look", reason="inspection_starved", retry_after=5),
    ],
)
def test_a_node_that_is_busy_puts_a_task_back_as_often_as_it_takes(error: AtollError) -> None:
    assert gives_way(error)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the disk fails"),
        UpstreamFailed("no peer has it"),
        Undecodable("no picture", reason="truncated"),
    ],
)
def test_what_fails_is_tried_so_often_and_no_more(error: AtollError) -> None:
    assert not gives_way(error)
