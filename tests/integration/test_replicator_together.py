"""Small images that wait go in one order, and each has an outcome of its own."""

from __future__ import annotations

import asyncio

import pytest
from replicator_stage import open_stage, until

from atoll.errors import BadRequest, Overloaded, UpstreamFailed
from atoll.ids import now_ms
from replicator.company import SMALL_BYTES

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, tmp_path):
    async with open_stage(engines.urls.nats, tmp_path) as stage:
        yield stage


class Gate:
    """Holds every pull until it is opened; then refuses what it was told to refuse."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.refused: dict[str, Exception] = {}

    async def __call__(self, order) -> None:
        await self.opened.wait()
        if (error := self.refused.pop(order.asset.version, None)) is not None:
            raise error


async def waiting(stage, running, sizes):
    """Uploads that all wait behind a first one, which is under way."""
    stage.node.pulling = gate = Gate()
    await stage.upload(stage.near)
    await until(lambda: stage.node.under_way == 1, "the first pull")
    uploads = [await stage.upload(stage.near, size) for size in sizes]
    await running.shows("all held", lambda s: s["held"] == 1 + len(sizes))
    return gate, uploads


async def test_what_waits_goes_in_one_order_up_to_the_limit(stage):
    running = stage.start(parallel_pulls=1, pulls_together=4)
    gate, uploads = await waiting(stage, running, [1000] * 9)
    gate.opened.set()
    await stage.all_answered()
    assert {asset.version for asset in uploads} <= set(stage.node.stored)
    assert stage.node.together == [4, 4]  # the ninth goes alone
    assert stage.node.stored_twice == []


async def test_what_comes_while_an_order_is_under_way_waits_for_its_answer_and_goes_together(stage):
    running = stage.start(parallel_pulls=4, pulls_together=4, company_seconds=10)
    gate, uploads = await waiting(stage, running, [1000] * 2)
    assert stage.node.under_way == 1
    gate.opened.set()
    await stage.all_answered()
    assert {asset.version for asset in uploads} <= set(stage.node.stored)
    assert stage.node.together == [2]


async def test_an_upload_that_comes_alone_waits_for_no_company(stage):
    stage.start(pulls_together=16)
    asset = await stage.upload(stage.near)
    await stage.all_answered()
    assert asset.version in stage.node.stored
    assert stage.node.together == []


async def test_large_images_are_ordered_by_themselves(stage):
    running = stage.start(parallel_pulls=1, pulls_together=16)
    gate, _ = await waiting(stage, running, [1000, 2000, SMALL_BYTES + 1, SMALL_BYTES + 2])
    gate.opened.set()
    await stage.all_answered()
    assert len(stage.node.stored) == 5
    assert stage.node.together == [2]


async def test_one_that_fails_takes_none_of_the_others_along(stage):
    running = stage.start(parallel_pulls=1, pulls_together=16, retries=3)
    gate, (lost, bad, *good) = await waiting(stage, running, [1000] * 5)
    gate.refused = {
        lost.version: UpstreamFailed("No source has the blob."),
        bad.version: BadRequest("This can never be done."),
    }
    gate.opened.set()
    await stage.all_answered()
    assert lost.version in stage.node.stored  # at the second try
    assert bad.version not in stage.node.stored
    assert {asset.version for asset in good} <= set(stage.node.stored)
    assert await running.metric('atoll_replicator_pulls_total{result="retried"}') == 1
    assert await running.metric('atoll_replicator_pulls_total{result="parked"}') == 1


async def test_a_node_that_becomes_too_busy_amid_an_order_is_given_the_rest_later(stage):
    running = stage.start(parallel_pulls=1, pulls_together=16, retries=0)
    gate, uploads = await waiting(stage, running, [1000] * 6)
    gate.refused = {asset.version: Overloaded("Too many pulls.") for asset in uploads[3:]}
    gate.opened.set()
    await stage.all_answered()
    assert {asset.version for asset in uploads} <= set(stage.node.stored)
    assert await running.metric('atoll_replicator_pulls_total{result="stored"}') == 7
    assert await running.metric('atoll_replicator_pulls_total{result="retried"}') == 0


@pytest.mark.parametrize("together", [2, 16])
async def test_the_newest_still_go_first(stage, together):
    running = stage.start(parallel_pulls=1, pulls_together=together)
    stage.node.pulling = gate = Gate()
    await stage.upload(stage.near)
    await until(lambda: stage.node.under_way == 1, "the first pull")
    minute = now_ms() - now_ms() % 60_000
    old = [await stage.upload(stage.near, 10, minute - 600_000) for _ in range(2)]
    new = [await stage.upload(stage.far, 20, minute - 60_000) for _ in range(2)]
    await running.shows("all held", lambda s: s["held"] == 5)
    gate.opened.set()
    await stage.all_answered()
    ordered = [order.asset.version for order in stage.node.orders[1:]]
    assert ordered == [asset.version for asset in (*new, *old)]
