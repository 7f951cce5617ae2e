"""The folders of a bucket: read from names alone, whatever lies in them. A real MongoDB-wire server."""

from __future__ import annotations

import time

import pytest
from sample_events import BUCKET, record, stored

from atoll.backoff import Backoff
from query_service.catalog import Catalog
from query_service.catalog_folders import FolderPage
from query_service.circuit import Circuit
from query_service.mongo_driver import MongoDatabase

pytestmark = pytest.mark.integration

NAMES = (
    *("a.jpg", "cats/tom", "cats/kittens/1", "cats/kittens/2", "cats0", "cats.jpg", "dogs/rex", "dogs-/x"),
    *("z/1/2/3/4", "Ärger/ü", "one/two//three", "loose1", "loose2", "loose3"),
)


@pytest.fixture
async def catalog(engines, mongo_database):
    mongo = MongoDatabase(engines.urls.mongodb, mongo_database, "motor", "test")
    catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
    await catalog.ensure_indexes()
    await catalog.apply([stored(record(name, 1000), 1000) for name in NAMES])
    yield catalog
    await mongo.close()


async def test_every_folder_is_told_once_with_all_that_lies_beside_them_passed_over(catalog):
    assert await catalog.folders(BUCKET, "", 100, 1000) == FolderPage(
        tuple(sorted(("cats", "dogs", "dogs-", "one", "z", "Ärger"), key=lambda f: f"{f}/")), complete=True
    )
    assert await catalog.folders(BUCKET, "cats/", 100, 1000) == FolderPage(("kittens",), complete=True)
    assert await catalog.folders(BUCKET, "z/1/", 100, 1000) == FolderPage(("2",), complete=True)
    assert await catalog.folders(BUCKET, "one/two/", 100, 1000) == FolderPage(("",), complete=True)
    assert await catalog.folders(BUCKET, "nowhere/", 100, 1000) == FolderPage((), complete=True)
    assert await catalog.folders("another", "", 100, 1000) == FolderPage((), complete=True)


async def test_it_says_when_it_has_not_told_or_not_seen_all(catalog):
    assert await catalog.folders(BUCKET, "", 2, 1000) == FolderPage(("cats", "dogs-"), complete=False)
    assert (await catalog.folders(BUCKET, "", 6, 1000)).complete
    assert not (await catalog.folders(BUCKET, "", 100, 1)).complete
