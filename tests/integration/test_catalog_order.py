"""However events are shuffled, repeated and cut into batches, the catalog holds what the model says."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_events import REGIONS, buried, left, record, replicated, stored

from atoll.backoff import Backoff
from atoll.events import AssetDeleted, BlobDeleted, BlobStored, Event
from atoll.model import AssetRecord
from query_service.catalog import Catalog
from query_service.catalog_documents import blob_key
from query_service.circuit import Circuit
from query_service.mongo_driver import MongoDatabase

pytestmark = pytest.mark.integration

NAMES, BLOBS, TIMES = ("one", "two"), ("x", "y"), range(1, 5)
bucket_numbers = itertools.count()


@st.composite
def events_of(draw, bucket: str) -> list[Event]:
    """A few events about a few assets, blobs and nodes, at few times: so that they collide."""
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 8))):
        at, node = draw(st.sampled_from(TIMES)), draw(st.sampled_from(sorted(REGIONS)))
        # a version is made once: its bytes follow from it
        asset = record(draw(st.sampled_from(NAMES)), at, BLOBS[at % 2], bucket)
        make = draw(st.sampled_from([stored, replicated, left, buried]))
        events.append(make(asset, at, node))
    return events


@st.composite
def courses(draw) -> tuple[str, list[Event], list[list[Event]]]:
    """A bucket, events, and the same events as they may come: shuffled, repeated, in batches."""
    bucket = f"bucket-{next(bucket_numbers)}"
    events = draw(events_of(bucket))
    again = draw(st.lists(st.sampled_from(events), max_size=4))
    order = draw(st.permutations(events + again))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(order) - 1)), max_size=4)))
    bounds = [0, *cuts, len(order)]
    return bucket, events, [order[a:b] for a, b in itertools.pairwise(bounds)]


def model(events: Iterable[Event]) -> tuple[dict[str, AssetRecord], dict[str, set[str]]]:
    """What must be there: the records by name, and the nodes that hold each blob."""
    graves: dict[str, str] = {}
    records: dict[str, AssetRecord] = {}
    marks: dict[tuple[str, str], tuple[int, bool]] = {}
    for event in events:
        if isinstance(event, AssetDeleted):
            stone = event.tombstone
            graves[stone.asset_id] = max(graves.get(stone.asset_id, ""), stone.version)
            continue
        sha256 = event.asset.blob.sha256 if isinstance(event, BlobStored) else event.sha256
        mark = (event.at, not isinstance(event, BlobDeleted))
        marks[sha256, event.node] = max(mark, marks.get((sha256, event.node), mark))
        if isinstance(event, BlobStored):
            known = records.get(event.asset.asset_id, event.asset)
            records[event.asset.asset_id] = max(known, event.asset, key=lambda r: r.version)
    living = {r.public_id: r for r in records.values() if r.version > graves.get(r.asset_id, "")}
    places: dict[str, set[str]] = {}
    for (sha256, node), (_, held) in marks.items():
        places.setdefault(sha256, set()).update({node} if held else set())
    return living, places


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def catalog(engines, mongo_database, runner):
    async def make() -> tuple[MongoDatabase, Catalog]:
        mongo = MongoDatabase(engines.urls.mongodb, mongo_database, "pymongo", "test")
        catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
        await catalog.ensure_indexes()
        return mongo, catalog

    mongo, catalog = runner.run(make())
    yield mongo, catalog
    runner.run(mongo.close())


async def _check(
    mongo: MongoDatabase, catalog: Catalog, bucket: str, events: list[Event], batches: list[list[Event]]
) -> None:
    for batch in batches:
        assert not (await catalog.apply(batch)).refused
    living, places = model(events)
    page = await catalog.page(bucket)
    assert {asset.record.public_id: asset.record for asset in page.assets} == living
    for sha256, nodes in places.items():
        assert {place.node for place in await catalog.locations(bucket, sha256)} == nodes
        document = await mongo.collection("locations").find_one({"_id": blob_key(bucket, sha256)})
        assert ("expires_at" in document) == (not nodes), "swept if and only if no node holds it"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(course=courses())
def test_any_order_any_repetition_any_batching_gives_the_same_catalog(runner, catalog, course):
    runner.run(_check(*catalog, *course))
