"""Pull orders that come together: one look for all that are new here, and each an answer of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from read_cluster import ReadCluster, ReadNode, read_cluster, record_of

from atoll.node_api import DeleteOrder, PullOrder

pytestmark = pytest.mark.integration

DAY = 86_400


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ReadCluster]:
    async with read_cluster(tmp_path, ("s1", "s1")) as running:
        yield running


class Counted:
    """Threads, and how many jobs they were given."""

    def __init__(self, threads):
        self._threads, self.jobs = threads, 0

    def submit(self, *work):
        self.jobs += 1
        return self._threads.submit(*work)


def counted(node: ReadNode) -> Counted:
    node.side.orders._writers = threads = Counted(node.side.orders._writers)
    return threads


async def buried(node: ReadNode, record) -> None:
    """Deleted there, its bytes in the trash."""
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, DAY)
    await node.side.deletes.order(order)


async def test_what_is_new_here_is_looked_up_in_one_job(cluster):
    here, there = cluster.nodes
    records = [there.hold(os.urandom(400)) for _ in range(5)]
    threads = counted(here)
    answers = await here.side.orders.execute_all([PullOrder(each, (there.name,)) for each in records])
    assert [answer.result.status for answer in answers] == ["stored"] * 5
    assert all(map(here.holds, records))
    assert threads.jobs == 1


async def test_each_is_answered_as_if_it_had_come_alone(cluster):
    here, there = cluster.nodes
    new, held, again, lost = (there.hold(os.urandom(400)) for _ in range(4))
    here.hold(there.file(held).read_bytes(), held)
    other_asset = record_of(there.file(held).read_bytes())  # the same bytes under another name
    here.hold(there.file(lost).read_bytes(), lost)
    here.file(lost).unlink()
    gone = there.hold(os.urandom(400))
    here.hold(there.file(gone).read_bytes(), gone)
    await buried(here, gone)
    here.hold(there.file(again).read_bytes(), again)
    await buried(here, again)
    trashed = record_of(there.file(again).read_bytes())  # a new asset of bytes that lie in the trash
    elsewhere = record_of(os.urandom(400), set_name="s2")
    nowhere = record_of(os.urandom(400))
    orders = (new, held, other_asset, lost, gone, trashed, elsewhere, nowhere)
    asked = there.asked_for("/internal/v1/blobs/")
    answers = await here.side.orders.execute_all([PullOrder(each, (there.name,)) for each in orders])
    said = [answer.result.status if answer.result else answer.problem["status"] for answer in answers]
    assert said == ["stored", "present", "present", "stored", "deleted", "stored", 409, 502]
    assert all(map(here.holds, (new, held, other_asset, lost, trashed)))
    assert not here.holds(gone)
    assert there.asked_for("/internal/v1/blobs/") == asked + 3  # new, lost, nowhere


async def test_the_same_bytes_of_two_assets_in_one_request_are_fetched_once(cluster):
    here, there = cluster.nodes
    one = there.hold(body := os.urandom(400))
    other = there.hold(body, record_of(body))
    answers = await here.side.orders.execute_all([PullOrder(each, (there.name,)) for each in (one, other)])
    assert {answer.result.status for answer in answers} <= {"stored", "present"}
    assert all(here.index.asset(record.asset_id).records for record in (one, other))
    assert there.asked_for("/internal/v1/blobs/") == 1
