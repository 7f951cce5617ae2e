"""Two query services write one name at the same moment: what a delete and a later upload come to."""

from __future__ import annotations

import asyncio
import time

import pytest
from held_mongo import HeldMongo
from sample_events import buried, record, stored

from atoll.backoff import Backoff
from query_service.catalog import Catalog
from query_service.circuit import Circuit

pytestmark = pytest.mark.integration

OLD, NEW = record("one", 1000, "old"), record("one", 2000, "new")
STONE = buried(OLD, 1500)


class Writer:
    """One of the query services."""

    def __init__(self, url: str, database: str) -> None:
        self.mongo = HeldMongo(url, database)
        self.catalog = Catalog(self.mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))

    def begin(self, *events):
        return asyncio.create_task(self.catalog.apply(events))


@pytest.fixture
async def writers(engines, mongo_database):
    """Both see the old one."""
    two = [Writer(engines.urls.mongodb, mongo_database) for _ in range(2)]
    await two[0].catalog.ensure_indexes()
    await two[0].catalog.apply([stored(OLD, 1000)])
    yield two
    for writer in two:
        await writer.mongo.close()


async def _only_the_later_one(catalog):
    found = await catalog.asset(NEW.asset_id)
    assert found is not None
    assert found.record == NEW
    history = await catalog.versions(NEW.asset_id, None, 10)
    assert [each.record for each in history.versions] == [NEW]


async def test_what_a_later_upload_replaces_does_not_outlive_the_delete_that_came_in_between(writers):
    uploads, deletes = writers
    before_it_is_kept = uploads.mongo.hold("versions", "insert_many")
    upload = uploads.begin(stored(NEW, 2000))
    await before_it_is_kept.reached()
    await deletes.begin(STONE)
    before_it_is_kept.go_on()
    assert not (await upload).refused
    await _only_the_later_one(deletes.catalog)


async def test_an_upload_that_loses_the_race_for_its_own_name_is_not_refused(writers):
    """Its event is delivered twice, and the old one goes away just then."""
    uploads, other = writers
    before_it_replaces = uploads.mongo.hold("assets", "bulk_write", 2)  # after it tried to insert
    before_it_inserts = uploads.mongo.hold("assets", "bulk_write", 3)
    upload = uploads.begin(stored(NEW, 2000))
    await before_it_replaces.reached()
    await other.mongo.collection("assets").delete_one({"_id": OLD.asset_id})
    before_it_replaces.go_on()
    await before_it_inserts.reached()
    await other.begin(STONE, stored(NEW, 2000))
    before_it_inserts.go_on()
    assert not (await upload).refused
    await _only_the_later_one(other.catalog)


async def test_a_version_that_is_kept_as_it_is_deleted_does_not_stay(writers):
    """The writer of one delete makes room for a newer version just when another delete takes the old one."""
    first, second = writers
    oldest = record("one", 500, "oldest")
    await first.catalog.apply([stored(oldest, 500)])  # of no interest but that it lies in `versions`
    before_it_is_kept = first.mongo.hold("versions", "insert_many", 1)
    upload = first.begin(stored(NEW, 2000))
    await before_it_is_kept.reached()
    await second.begin(STONE)
    await second.begin(buried(oldest, 500))
    before_it_is_kept.go_on()
    await upload
    await _only_the_later_one(second.catalog)


async def test_a_name_that_another_asset_has_is_refused_all_the_same(writers):
    uploads, _ = writers
    other = record("one", 3000, "other", asset_id="a" + "0" * 25)
    applied = await uploads.begin(stored(other, 3000))
    assert [event.asset.asset_id for event, _ in applied.refused] == [other.asset_id]
