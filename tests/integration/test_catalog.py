"""One conformance suite for the catalog, run on both drivers against a real MongoDB-wire server."""

from __future__ import annotations

import asyncio
import gc
import time
from datetime import UTC, datetime

import pytest
from sample_events import BUCKET, buried, left, record, replicated, sha_of, stored

from atoll.backoff import Backoff
from atoll.model import Location
from atoll.repair_api import leaf_of_asset
from atoll.settings import SettingsError
from query_service import catalog_fences
from query_service.catalog import Catalog, CatalogUnavailable
from query_service.catalog_fold import folded
from query_service.catalog_indexes import index_names
from query_service.circuit import Circuit
from query_service.mongo_driver import MongoDatabase, settled

pytestmark = pytest.mark.integration
ALL = "\U0010ffff"


def _circuit() -> Circuit:
    return Circuit(time.monotonic, Backoff(0.2, 2.0))


@pytest.fixture(params=["motor", "pymongo"])
async def mongo(request, engines, mongo_database):
    database = MongoDatabase(engines.urls.mongodb, mongo_database, request.param, "test")
    yield database
    await database.close()


@pytest.fixture
async def catalog(mongo):
    catalog = Catalog(mongo, _circuit())
    await catalog.ensure_indexes()
    return catalog


async def test_an_upload_is_found_by_id_and_by_name_with_its_location(catalog):
    asset = record("cats/tom", 1000, tags=("cat",), context={"a.b": "1", "$c": "2"}, filename="tom.jpg")
    applied = await catalog.apply([stored(asset, 1000)])
    found = await catalog.asset(asset.asset_id)
    assert found.record == asset
    assert found.locations == (Location("eu-1", "eu", 1000, 1000),)
    assert await catalog.asset_by_name(BUCKET, "cats/tom") == found
    assert applied.changed == {asset.asset_id}
    assert applied.refused == ()


async def test_it_tells_in_which_branches_it_has_something(catalog):
    assets = [record("one", 1000), record("one", 2000, "changed"), record("two", 1000)]
    await catalog.apply([stored(asset, 1000) for asset in assets])
    assert await catalog.branches_of("s1") == {leaf_of_asset(asset.asset_id) >> 8 for asset in assets}
    assert await catalog.branches_of("s2") == set()


async def test_what_is_not_there_is_none(catalog):
    assert await catalog.asset("n" + "0" * 25) is None
    assert await catalog.asset_by_name(BUCKET, "nobody") is None
    assert await catalog.assets([]) == {}
    assert await catalog.locations(BUCKET, sha_of("nothing")) == ()


async def test_an_older_version_never_overwrites_a_newer_one(catalog):
    old, new = record("tom", 1000, "old"), record("tom", 2000, "new")
    await catalog.apply([stored(new, 2000)])
    await catalog.apply([stored(old, 1000)])
    assert (await catalog.asset(new.asset_id)).record == new


async def test_a_tombstone_removes_the_asset_and_keeps_late_events_out(catalog):
    asset = record("tom", 1000)
    await catalog.apply([stored(asset, 1000)])
    await catalog.apply([buried(asset, 2000)])
    assert await catalog.asset(asset.asset_id) is None
    await catalog.apply([stored(asset, 1000)])
    assert await catalog.asset(asset.asset_id) is None


async def test_what_only_remembers_a_delete_is_swept_after_its_time(mongo):
    now_ms = 1_800_000_000_000
    catalog = Catalog(mongo, _circuit(), 90, lambda: now_ms)
    await catalog.ensure_indexes()
    asset, due = record("tom", 1000), datetime.fromtimestamp(now_ms / 1000 + 90 * 86_400, UTC)
    await catalog.apply([stored(asset, 1000), replicated(asset, 1100, "us-1")])
    assert await _expiry(mongo, "locations") == [None]
    await catalog.apply([left(asset, 1200, "us-1")])
    assert await _expiry(mongo, "locations") == [None], "a node still holds it"
    await catalog.apply([left(asset, 1200, "eu-1"), buried(asset, 1200)])
    assert await _expiry(mongo, "locations") == await _expiry(mongo, "tombstones") == [due]
    await catalog.apply([replicated(asset, 1100, "us-1")])
    assert await _expiry(mongo, "locations") == [due], "late news brings nothing back"
    await catalog.apply([replicated(asset, 1300, "us-1")])
    assert await _expiry(mongo, "locations") == [None], "what is held again stays"


async def _expiry(mongo, collection):
    documents = await mongo.collection(collection).find({}).to_list(None)
    return [document.get("expires_at") for document in documents]


async def test_mongodb_itself_sweeps_what_has_expired(mongo, catalog):
    for collection in ("locations", "tombstones"):
        cursor = await settled(mongo.collection(collection).list_indexes())
        indexes = {index["name"]: index async for index in cursor}
        assert indexes["expires_at"]["expireAfterSeconds"] == 0


async def test_an_upload_after_a_delete_lives_again(catalog):
    first, second = record("tom", 1000), record("tom", 3000)
    await catalog.apply([stored(first, 1000), buried(first, 2000), stored(second, 3000)])
    assert (await catalog.asset(first.asset_id)).record == second


async def test_a_location_ends_right_in_any_order(catalog):
    asset = record("tom", 1000)
    events = [stored(asset, 1000), replicated(asset, 1100, "us-1"), left(asset, 1200, "us-1")]
    for event in reversed(events):
        await catalog.apply([event])
    assert [place.node for place in await catalog.locations(BUCKET, asset.blob.sha256)] == ["eu-1"]
    await catalog.apply([replicated(asset, 1300, "us-1")])
    assert await catalog.locations(BUCKET, asset.blob.sha256) == (
        Location("eu-1", "eu", 1000, 1000),
        Location("us-1", "us", 1300, 1300),
    )


async def test_a_blob_event_names_every_asset_that_uses_the_blob(catalog):
    one, two, other = record("one", 1, "same"), record("two", 2, "same"), record("other", 3)
    await catalog.apply([stored(asset, 10) for asset in (one, two, other)])
    applied = await catalog.apply([replicated(one, 20, "us-1")])
    assert applied.changed == {one.asset_id, two.asset_id}


async def test_many_assets_come_in_one_answer(catalog):
    assets = [record(f"a{i}", 1000 + i) for i in range(300)]
    await catalog.apply([stored(asset, 2000) for asset in assets])
    found = await catalog.assets([asset.asset_id for asset in assets] + ["n" + "0" * 25])
    assert {asset_id: asset.record for asset_id, asset in found.items()} == {a.asset_id: a for a in assets}


async def _names(catalog, prefix="", limit=2, between=None):
    names, after = [], None
    while True:
        page = await catalog.page(BUCKET, prefix, after, limit)
        names += [asset.record.public_id for asset in page.assets]
        after = page.next_after
        if after is None:
            return names
        if between:
            await between()


async def test_pages_give_every_asset_once_in_order_of_its_name(catalog):
    names = ["b", "a/2", "a/1", "a/é", "a" + ALL, "Z", "a/10", "ab", "c"]
    await catalog.apply([stored(record(name, 1000), 1000) for name in names])
    await catalog.apply([stored(record("a/1", 1000, bucket="other-bucket"), 1000)])
    assert await _names(catalog) == sorted(names)
    assert await _names(catalog, "a/") == sorted(name for name in names if name.startswith("a/"))
    assert await _names(catalog, "a" + ALL) == ["a" + ALL]
    assert await _names(catalog, "nothing") == []


async def test_pages_are_stable_while_assets_come_and_go(catalog):
    assets = {name: record(name, 1000) for name in "bdfhj"}
    await catalog.apply([stored(asset, 1000) for asset in assets.values()])
    rounds = iter([[buried(assets["b"], 2000)], [stored(record("a", 1500), 1500)]])

    async def meanwhile():
        if events := next(rounds, None):
            await catalog.apply(events)

    assert await _names(catalog, between=meanwhile) == list("bdfhj")


async def test_the_end_of_a_listing_is_told_even_when_the_last_page_is_full(catalog):
    await catalog.apply([stored(record(name, 1000), 1000) for name in ("a", "b")])
    page = await catalog.page(BUCKET, limit=2)
    assert len(page.assets) == 2
    assert page.next_after is None


async def test_indexes_are_named_and_making_them_again_changes_nothing(catalog, mongo):
    await catalog.ensure_indexes()
    searches = {f"bucket_terms_{key}" for key in ("public_id", "created_at")}
    searches |= {"bucket_bytes", "bucket_width", "bucket_height", "bucket_words_created"}
    histories = {"by_key", "by_session"}
    known = {"_id_", "bucket_public_id", "blob", "set_leaf"} | searches | histories
    assert await index_names(mongo, "assets") == known


async def test_indexes_that_an_older_atoll_made_and_nobody_needs_are_dropped(catalog, mongo):
    await mongo.collection("assets").create_index([("by_at", 1)], name="by_at")
    await mongo.collection("assets").create_index([("of somebody else", 1)], name="foreign")
    await catalog.ensure_indexes()
    names = await index_names(mongo, "assets")
    assert "by_at" not in names
    assert "foreign" in names


async def test_a_fence_comes_and_goes_with_its_asset(catalog, mongo, monkeypatch):
    monkeypatch.setattr(catalog_fences, "EVERY", len(catalog_fences.ORDERS))
    assets = [record(f"a{n}", 1000, by="key/session") for n in range(20)]
    await catalog.apply([stored(each, 1000) for each in assets])
    fences = mongo.collection("fences")
    assert {fence["_id"] async for fence in fences.find({})} == {each.asset_id for each in assets}
    await catalog.apply([buried(each, 1000) for each in assets[:10]])
    assert {fence["_id"] async for fence in fences.find({})} == {each.asset_id for each in assets[10:]}
    await catalog.remove_ghosts({each.asset_id: each.version for each in assets[10:]})
    assert await fences.count_documents({}) == 0


async def test_a_document_the_server_will_never_take_is_refused_and_the_rest_is_in(catalog):
    good, huge = record("good", 1000), record("huge", 1000, size=2**70)
    impostor = record("good", 1000, "other bytes", asset_id="0" * 26)  # the name is taken
    await catalog.apply([stored(good, 1000)])
    bad = [stored(huge, 1000), stored(impostor, 1000)]
    fine = [stored(record(f"fine{i}", 1000), 1000) for i in range(3)]
    applied = await catalog.apply([fine[0], bad[0], fine[1], bad[1], fine[2]])
    assert [event for event, _ in applied.refused] == bad
    found = await catalog.assets([event.asset.asset_id for event in (*fine, *bad)])
    assert found.keys() == {event.asset.asset_id for event in fine}
    assert (await catalog.asset(good.asset_id)).record == good


async def test_writers_that_race_for_one_asset_leave_the_greatest_version(catalog):
    versions = [record("tom", 1000 + i, f"bytes {i}") for i in range(40)]
    order = versions[::3] + versions[1::3] + versions[2::3]
    await asyncio.gather(*(catalog.apply([stored(asset, 2000)]) for asset in order))
    assert (await catalog.asset(versions[0].asset_id)).record == versions[-1]


async def test_writers_that_race_for_one_asset_lose_none_of_its_versions(catalog):
    versions = [record("tom", 1000 + n, f"bytes {n}") for n in range(8)]
    await asyncio.gather(*(catalog.apply([stored(each, each.created_at)]) for each in versions))
    page = await catalog.versions(versions[0].asset_id, None, 100)
    assert [asset.record for asset in page.versions] == versions[::-1]
    assert page.current == versions[-1].version


async def test_an_only_version_is_one_document_and_stays_when_another_takes_its_place(catalog, mongo):
    old, new = record("tom", 1000), record("tom", 2000)
    await catalog.apply([stored(old, 1000)])
    assert await mongo.collection("versions").count_documents({}) == 0
    assert (await catalog.versions(old.asset_id, None, 9)).versions == (await catalog.asset(old.asset_id),)
    await catalog.apply([stored(new, 2000)])
    page = await catalog.versions(old.asset_id, None, 9)
    assert [asset.record for asset in page.versions] == [new, old]
    found, current = await catalog.version(old.asset_id, old.version)
    assert (found.record, current) == (old, new.version)


async def test_a_mended_asset_keeps_the_version_it_had(catalog):
    old, new = record("tom", 1000), record("tom", 2000)
    await catalog.apply([stored(old, 1000)])
    await catalog.mend(folded([new], []))
    page = await catalog.versions(old.asset_id, None, 9)
    assert [asset.record for asset in page.versions] == [new, old]


async def test_writers_that_race_with_a_tombstone_bring_nothing_back(catalog):
    assets = [record(f"a{i}", 1000) for i in range(20)]
    writes = [catalog.apply([stored(asset, 1000)]) for asset in assets]
    burials = [catalog.apply([buried(asset, 2000)]) for asset in assets]
    await asyncio.gather(*(work for pair in zip(writes, burials, strict=True) for work in pair))
    assert await catalog.assets([asset.asset_id for asset in assets]) == {}


async def test_an_unreadable_document_is_as_good_as_absent(catalog, mongo):
    good, bad = record("good", 1000), record("bad", 1000)
    await catalog.apply([stored(good, 1000), stored(bad, 1000)])
    await mongo.collection("assets").update_one({"_id": bad.asset_id}, {"$set": {"ext": "exe"}})
    assert [asset.record for asset in (await catalog.page(BUCKET)).assets] == [good]


# PyMongo's async client forgets the socket it is just connecting when it is closed.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_without_a_server_every_call_says_so_and_reads_fail_at_once_after_the_first(
    driver, unused_tcp_port
):
    mongo = MongoDatabase(f"mongodb://127.0.0.1:{unused_tcp_port}", "test", driver, "test")
    circuit = Circuit(lambda: 0.0, Backoff(0.2, 2.0))  # a clock that stands still: no trial comes
    catalog = Catalog(mongo, circuit)
    with pytest.raises(CatalogUnavailable):
        await catalog.asset("0" * 26)
    with pytest.raises(CatalogUnavailable, match="asked again soon"):
        await catalog.page(BUCKET)
    with pytest.raises(CatalogUnavailable):
        await catalog.apply([stored(record("tom", 1), 1)])
    await mongo.close()
    del mongo, catalog
    gc.collect()  # here, where it is expected


@pytest.mark.parametrize("url", ["nonsense", "mongodb://", "mongodb://host:port", "http://host"])
async def test_a_url_that_is_none_is_a_mistake_in_the_settings(url):
    with pytest.raises(SettingsError):
        MongoDatabase(url, "test", "motor", "test")
