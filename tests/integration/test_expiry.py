"""Lifecycle rules over real engines: what they find in the catalog, what nodes are ordered, who does it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from engine_thread import EngineThread
from query_stage import QueryStage, put_entry, query_stage, until

from atoll.bucket import Bucket, LifecycleRule
from atoll.events import BlobStored
from atoll.ids import named_asset_id, new_id, now_ms
from atoll.model import AssetRecord, Blob, Picture
from query_service.expiry import DAY_MS
from query_service.lease import UpkeepNotes

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryStage]:
    with EngineThread(tmp_path_factory.mktemp("expiry-engines")) as engines:
        directory = tmp_path_factory.mktemp("expiry")
        async with query_stage(directory, engines.urls, "expiry", expiry_seconds=1, expiry_page=2) as ready:
            yield ready


async def stored(
    stage: QueryStage, name: str, days: float, bucket: str = "photos", tags: tuple[str, ...] = ()
) -> AssetRecord:
    """What a node publishes of an asset that was uploaded some days ago."""
    blob = Blob(bucket, hashlib.sha256(name.encode()).hexdigest(), "jpg", 8, Picture(4, 3))
    at = now_ms() - int(days * DAY_MS)
    record = AssetRecord(named_asset_id(bucket, name), name, new_id(at), "main", blob, at, tags=tags)
    await stage.publish(BlobStored(new_id(), now_ms(), "eu-1", "eu", "main", record))
    return await stage.indexed(record)


def ordered(stage: QueryStage) -> dict[str, bool]:
    """The names that nodes were ordered to delete, and whether only in the version that was seen."""
    orders = [order for node in stage.nodes.values() for order in node.deletes]
    return {order.public_id: order.only_seen for order in orders}


async def test_rules_delete_what_is_due_by_age_tag_and_prefix_and_nothing_else(stage: QueryStage) -> None:
    due = [await stored(stage, f"tmp/{n}", 8) for n in range(5)]
    due += [await stored(stage, f"preview-{n}", 3, tags=("preview",)) for n in range(3)]
    for name, days, tags in (("tmp/new", 6, ()), ("kept", 80, ()), ("shown", 3, ("Preview", "x"))):
        await stored(stage, name, days, tags=tags)
    rules = (LifecycleRule(7, "tmp/"), LifecycleRule(2, "", "preview"))
    await put_entry(stage, Bucket("photos", lifecycle=rules))
    wanted = {record.public_id for record in due}

    async def done() -> bool:
        return ordered(stage).keys() >= wanted

    await until(done, "what is due is deleted")

    async def recorded() -> bool:
        records = (await stage.get("/v1/audit")).body["records"]
        found = [r for r in records if (r["method"], r["path"]) == ("EXPIRE", "/v1/buckets/photos")]
        return sum(int(r["facts"]["expired"]) for r in found) >= len(wanted)

    await until(recorded, "the audit record says so")
    assert ordered(stage) == dict.fromkeys(wanted, True)
    figures = (await stage.get("/metrics", key=None)).body.decode()
    assert 'atoll_expired_assets_total{bucket="photos"' in figures


async def test_one_service_holds_the_lease_until_its_time_and_renews_it(stage: QueryStage) -> None:
    notes = UpkeepNotes(stage.bus, None, 1)
    assert await notes.take("lease.test", "a", 1000, 2000)
    assert not await notes.take("lease.test", "b", 1999, 3000)
    assert await notes.take("lease.test", "a", 1500, 2500)
    assert not await notes.take("lease.test", "b", 2400, 3000)
    assert await notes.take("lease.test", "b", 2500, 3000)
    assert not await notes.take("lease.test", "a", 2600, 4000)
