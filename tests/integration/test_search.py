"""Searches against a real MongoDB-wire server: they find what a loop over all assets would find.

The plans are asked of the server by `explain`, printed (pytest -rP shows them) and checked: the index that is
meant, nothing sorted in memory. `ATOLL_TEST_MONGODB_URL` names a server to ask that uses indexes. Of one
that is not MongoDB no more is asked than that it takes an index, and its order where that is over no list:
DocumentDB sorts what it finds by an index over a list. The stand-in always sorts by itself and walks an
index only for what that covers whole.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
import uuid

import pytest
from msgspec import structs
from sample_events import BUCKET, buried, record, stored, version

from atoll.asset_text import folded
from atoll.backoff import Backoff
from atoll.model import Face, Picture
from query_service import catalog_fences, catalog_walks
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable, catalog_errors, was_let_go
from query_service.catalog_fold import folded as fold_of
from query_service.catalog_indexes import INDEXES
from query_service.catalog_walks import Walks
from query_service.circuit import Circuit
from query_service.color_families import family_of
from query_service.mongo_driver import MongoDatabase, settled
from query_service.search_cursor import write_cursor
from query_service.search_fields import orientation_of, words_of
from query_service.search_plan import plan_of
from query_service.search_wire import SearchOrder, moment_ms

pytestmark = pytest.mark.integration
REAL = os.environ.get("ATOLL_TEST_MONGODB_URL", "")
FACE = Face(0.1, 0.1, 0.5, 0.5)


@pytest.fixture(params=["motor", "pymongo"])
async def mongo(request, engines, mongo_database):
    database = MongoDatabase(engines.urls.mongodb, mongo_database, request.param, "test")
    yield database
    await database.close()


@pytest.fixture
async def catalog(mongo):
    return await made(mongo)


async def made(mongo):
    catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
    await catalog.ensure_indexes()
    return catalog


def many(count, seed=1):
    """Assets of all kinds, many alike in what they may be sorted by."""
    rng = random.Random(seed)
    return [one(rng, number) for number in range(count)]


def one(rng, number):
    picture = Picture(
        rng.choice([100, 200, 300]),
        rng.choice([100, 200, 300]),
        color=rng.choice(["#ff0000", "#2040ff", ""]),
        faces=rng.choice([None, (), (FACE,)]),
    )
    asset = record(
        f"{rng.choice(['sea', 'sea/north', 'town'])}/{rng.choice(['Möwe', 'ship', 'house'])} {number}",
        1_700_000_000_000 + rng.randrange(3) * 86_400_000,
        size=rng.choice([1000, 2000, 30_000]),
        tags=tuple(rng.sample(["Sea", "sun", "Küste", "a.b$c"], rng.randrange(4))),
        title=rng.choice(["", "White sand", "Grey SAND dunes"]),
        alt=rng.choice(["", "gulls over sandbanks"]),
    )
    ext = rng.choice(["jpg", "png"])
    return structs.replace(asset, blob=structs.replace(asset.blob, picture=picture, ext=ext))


def fits(order, asset):
    """What `SearchOrder` promises, said the slow way."""
    blob, picture = asset.blob, asset.blob.picture
    texts = (asset.title, asset.public_id, asset.alt)
    after = order.created_after and moment_ms("", order.created_after)
    before = order.created_before and moment_ms("", order.created_before)
    return all(
        [
            asset.public_id.startswith(order.prefix),
            {folded(tag) for tag in order.tags} <= {folded(tag) for tag in asset.tags},
            order.format in (None, blob.ext),
            order.orientation in (None, orientation_of(picture)),
            order.color is None or family_of(picture.color) == order.color,
            order.has_faces is None or (picture.faces is not None and bool(picture.faces) == order.has_faces),
            (order.min_bytes or 0) <= blob.size <= (order.max_bytes or 10**12),
            (order.min_width or 0) <= picture.width <= (order.max_width or 10**12),
            (order.min_height or 0) <= picture.height <= (order.max_height or 10**12),
            after is None or asset.created_at >= after,
            before is None or asset.created_at < before,
            all(any(w.startswith(q) for w in words_of(texts, 99)) for q in words_of([order.q or ""], 9)),
        ]
    )


def expected(order, assets):
    keys = {
        "public_id": lambda a: a.public_id,
        "created_at": lambda a: (a.created_at, a.asset_id),
        "bytes": lambda a: (a.blob.size, a.asset_id),
        "width": lambda a: (a.blob.picture.width, a.asset_id),
        "height": lambda a: (a.blob.picture.height, a.asset_id),
    }
    sort = plan_of(order).sort
    chosen = sorted((a for a in assets if fits(order, a)), key=keys[sort.removeprefix("-")])
    return [a.public_id for a in (reversed(chosen) if sort.startswith("-") else chosen)]


async def found(catalog, order, limit=7):
    """All pages."""
    names = []
    while True:
        plan = plan_of(order)
        page = await catalog.search(plan, limit)
        assert len(page.assets) <= limit
        names += [asset.record.public_id for asset in page.assets]
        if page.next_after is None:
            return names
        order = structs.replace(order, cursor=write_cursor(page.next_after, plan.sort))


PARTS = [
    {}, {"tags": ("KÜSTE",)}, {"tags": ("sea", "A.B$C")}, {"prefix": "sea/"}, {"prefix": "sea/north/Mö"},
    {"format": "png"}, {"orientation": "portrait"}, {"color": "red"}, {"has_faces": True},
    {"has_faces": False}, {"min_bytes": 1500}, {"min_bytes": 1000, "max_bytes": 2000}, {"min_width": 200},
    {"max_height": 200},
    {"created_after": "2023-11-15"}, {"created_before": "2023-11-16"}, {"q": "sand"}, {"q": "MÖ north"},
]  # fmt: skip
SORTS = [w + s for s in ("public_id", "created_at", "bytes", "width", "height") for w in ("", "-")]


def orders():
    """Every part with every sort, and pairs of parts with the sorts in turn."""
    for number, (one_, other) in enumerate(itertools.combinations(PARTS, 2)):
        asked = one_ | other
        sorts = SORTS if one_ == {} else [SORTS[number % len(SORTS)]]
        for sort in sorts:
            if "q" not in asked or sort.endswith("created_at"):
                yield SearchOrder(bucket=BUCKET, sort=sort, **asked)
            elif one_ != {}:
                yield SearchOrder(bucket=BUCKET, **asked)


async def test_a_search_finds_what_a_loop_over_all_assets_finds_in_the_same_order(catalog):
    assets = many(60)
    await catalog.apply([stored(asset, asset.created_at) for asset in assets])
    await catalog.apply([stored(record("sea/other bucket", 1, bucket="others"), 1)])
    some = 0
    for order in orders():
        names = await found(catalog, order, limit=25)
        assert names == expected(order, assets), order
        some += bool(names)
    assert some > 100, "most searches find something"


@pytest.mark.parametrize("sort", ["bytes", "-bytes", "-created_at", "-public_id", "width"])
async def test_pages_hold_still_while_assets_come_and_go(catalog, sort):
    assets = many(30)
    await catalog.apply([stored(asset, asset.created_at) for asset in assets])
    order = SearchOrder(bucket=BUCKET, sort=sort)
    plan = plan_of(order)
    first = await catalog.search(plan, 10)
    shown = {a.record.public_id for a in first.assets}
    gone = [a for a in assets if a.public_id in shown][:5]
    await catalog.apply([buried(a, a.created_at) for a in gone])
    new = many(10, seed=2)
    new = [structs.replace(a, public_id="new/" + a.public_id, asset_id="0" + a.asset_id[1:]) for a in new]
    await catalog.apply([stored(a, a.created_at) for a in new])
    rest = await found(catalog, structs.replace(order, cursor=write_cursor(first.next_after, sort)))
    assert len(rest) == len(set(rest))
    assert shown.isdisjoint(rest)
    assert {a.public_id for a in assets} - shown <= set(rest)


async def test_cut_at_fences_a_walk_finds_the_same(mongo, catalog, monkeypatch):
    monkeypatch.setattr(catalog_fences, "EVERY", 12)  # of 12 assets seven bear one, each in another order
    monkeypatch.setattr(mongo, "reads_whole_windows", True)
    assets = many(80)
    others = [record(f"other {i}", i, bucket="others") for i in range(20)]
    await catalog.apply([stored(asset, asset.created_at) for asset in (*assets, *others)])
    parts = [{}, {"tags": ("sea",)}, {"prefix": "sea/"}, {"tags": ("sun",), "format": "png"}]
    for sort, part in itertools.product(["public_id", "-created_at", "bytes", "-width", "-public_id"], parts):
        order = SearchOrder(bucket=BUCKET, sort=sort, **part)
        for limit in (4, 17):
            assert await found(catalog, order, limit) == expected(order, assets), (order, limit)
    names, after = [], None
    while not names or after is not None:  # the plain listing
        page = await catalog.page(BUCKET, after=after, limit=4)
        names += [asset.record.public_id for asset in page.assets]
        after = page.next_after
    assert names == sorted(asset.public_id for asset in assets)


async def test_an_edit_moves_an_asset_into_the_searches_that_fit_it_now(catalog):
    old = record("tom", 1000, tags=("cat",))
    new = structs.replace(old, version=version(2000), content=old.version, tags=("dog",), title="Rex")
    await catalog.apply([stored(old, 1000)])
    await catalog.apply([stored(new, 2000)])
    assert await found(catalog, SearchOrder(bucket=BUCKET, tags=("cat",))) == []
    assert await found(catalog, SearchOrder(bucket=BUCKET, tags=("Dog",), q="re")) == ["tom"]


async def test_without_places_no_location_is_read(catalog):
    await catalog.apply([stored(record("tom", 1000), 1000)])
    plan = plan_of(SearchOrder(bucket=BUCKET, sort="bytes"))
    assert (await catalog.search(plan, 5)).assets[0].locations
    assert not (await catalog.search(plan, 5, places=False)).assets[0].locations


async def test_what_an_older_atoll_wrote_is_found_after_a_rebuild(mongo, catalog):
    asset = record("tom", 1000)
    await catalog.apply([stored(asset, 1000)])
    derived = dict.fromkeys(
        ["terms", "facets", "words", "by_created", "by_bytes", "by_width", "by_height"], ""
    )
    await mongo.collection("assets").update_one({"_id": asset.asset_id}, {"$unset": derived})
    order = SearchOrder(bucket=BUCKET, sort="-created_at")
    assert await found(catalog, order) == []
    await catalog.mend(fold_of([asset], []))
    assert await found(catalog, order) == ["tom"]


async def test_the_server_lets_go_of_a_walk_that_takes_too_long(mongo, monkeypatch):
    monkeypatch.setattr(catalog_walks, "SERVER_MS", 1)
    assets = mongo.collection("assets")
    await assets.insert_many([{"_id": str(number), "n": number} for number in range(20_000)])
    with pytest.raises(CatalogUnavailable) as caught, catalog_errors("being read"):
        await Walks(mongo).first({"n": {"$gte": 0}}, "n", 10, descending=True)
    assert was_let_go(caught.value)


async def test_the_server_answers_every_search_by_one_walk_of_an_index(engines, mongo_database):
    url = REAL or engines.urls.mongodb
    mongo = MongoDatabase(
        url, mongo_database if not REAL else f"test_{uuid.uuid4().hex[:12]}", "pymongo", "test"
    )
    try:
        catalog = await made(mongo)
        strict = "gitVersion" in await settled(mongo._client.admin.command("buildInfo"))
        await catalog.apply([stored(asset, asset.created_at) for asset in many(300)])
        for order in orders():
            plan = plan_of(order)
            cursor = mongo.collection("assets").find(plan.filter).limit(101)
            cursor = cursor.sort([(plan.key, -1 if plan.descending else 1)])
            explained = await settled(cursor.explain())
            stages = _stages(explained["queryPlanner"]["winningPlan"])
            walk = " < ".join(stage["stage"] for stage in stages)
            sys.stdout.write(f"{_used(stages):24} {walk:24} {_asked(order)}\n")
            if REAL and not strict and _over_list(plan):
                assert _used(stages) != "none", order
            elif REAL or _covered(plan):
                assert _used(stages) == plan.index, order
            if REAL:
                assert "COLLSCAN" not in walk, order
                assert "SORT" not in walk or (not strict and _over_list(plan)), order
    finally:
        if REAL:
            await settled(mongo._client.drop_database(mongo._database.name))
        await mongo.close()


def _stages(stage):
    """All stages of a plan, the last first."""
    inner = stage.get("queryPlan", stage)  # the slot-based engine puts it one deeper
    inputs = [inner["inputStage"]] if "inputStage" in inner else inner.get("inputStages", [])
    return [inner, *(s for one_ in inputs for s in _stages(one_))]


def _used(stages):
    return next((stage["indexName"] for stage in stages if stage["stage"] == "IXSCAN"), "none")


def _covered(plan):
    return plan.filter.keys() <= _keys(plan) and "$all" not in str(plan.filter)


def _over_list(plan):
    return bool(_keys(plan) & {"terms", "words"})


def _keys(plan):
    indexes = (index.document for index in INDEXES["assets"])
    return next(set(index["key"]) for index in indexes if index["name"] == plan.index)


def _asked(order):
    return {name: value for name, value in structs.asdict(order).items() if value not in (None, (), "")}
