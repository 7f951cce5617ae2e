"""The catalog's pure parts: documents, folding, windows of names, values for Redis."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from atoll.events import AssetDeleted, BlobDeleted, BlobReplicated, BlobStored
from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord, Blob, Location, Picture, Tombstone
from query_service.cache_value import read_value, write_value
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_documents import asset_document, locations_of, record_of
from query_service.catalog_fold import documents_of, fold
from query_service.catalog_windows import first_beyond, name_window

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
WHERE = {"node": "eu-1", "region": "eu", "set": "s1"}


def make_record(public_id: str = "tom", version: str | None = None, **more) -> AssetRecord:
    blob = Blob("photos", "ab" * 32, "jpg", 80_000, Picture(640, 480, 2))
    identity = named_asset_id("photos", public_id)
    return AssetRecord(identity, public_id, version or new_id(), "s1", blob, 1234, **more)


@given(
    tags=st.lists(TEXT.filter(bool), max_size=3), context=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3)
)
def test_a_record_survives_its_document_and_its_value_whatever_its_words(tags, context):
    record = make_record(tags=tuple(tags), context=context, filename="é.jpg")
    assert record_of(asset_document(record)) == record
    asset = CatalogAsset(record, (Location("eu-1", "eu", 1, 2),))
    assert read_value(write_value(asset, 500), 500) == asset
    assert read_value(write_value(asset, 499), 500) is None


def test_the_looks_of_a_picture_survive_and_a_document_from_before_them_has_none():
    picture = Picture(
        640, 480, 1, "1QcSHQRnh493V4dIh4eXh1h4kJUI", "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "#1f2a3b", ()
    )
    record = structs.replace(make_record(), blob=structs.replace(make_record().blob, picture=picture))
    document = asset_document(record)
    assert record_of(document) == record
    assert read_value(write_value(CatalogAsset(record), 1), 1) == CatalogAsset(record)
    for name in ("thumbhash", "blurhash", "color", "faces"):
        del document[name]
    assert record_of(document).blob.picture == Picture(640, 480, 1)


@given(st.binary(max_size=60))
def test_no_bytes_in_redis_can_do_more_than_miss(value):
    assert read_value(value, 0) is None


def test_a_document_that_is_none_of_ours_is_told_by_its_error():
    good = asset_document(make_record())
    for bad in ({}, {**good, "ext": "exe"}, {**good, "blob": "photos/xyz"}, {**good, "version": 7}):
        with pytest.raises((KeyError, TypeError, AttributeError, msgspec.ValidationError)):
            record_of(bad)


def test_a_node_that_let_go_of_a_blob_is_no_location():
    nodes = {
        "us-1": {"region": "us", "at": 5},
        "eu-1": {"region": "eu", "at": 3, "fsynced_at": 3, "verified_at": 4},
    }
    assert locations_of({"nodes": nodes}) == (Location("eu-1", "eu", 3, 4),)
    assert locations_of(None) == ()


def test_a_fold_keeps_the_greatest_version_and_the_latest_mark_of_each_node():
    old, new = make_record(version=new_id(1000)), make_record(version=new_id(2000))
    blob = {"bucket": "photos", "sha256": "ab" * 32, "ext": "jpg"}
    stone = Tombstone(old.asset_id, "photos", "tom", "s1", old.version, 1500)
    events = [
        BlobStored(id=new_id(), at=20, asset=new, **WHERE),
        BlobStored(id=new_id(), at=10, asset=old, **WHERE),
        BlobReplicated(id=new_id(), at=30, node="us-1", region="us", set="s1", size=1, **blob),
        BlobDeleted(id=new_id(), at=40, node="us-1", region="us", set="s1", reason="deleted", **blob),
        AssetDeleted(id=new_id(), at=15, tombstone=stone, **WHERE),
    ]
    for order in (events, events[::-1]):
        result = fold(order)
        assert result.records == {new.asset_id: new}
        assert result.tombstones == {old.asset_id: stone}
        [marks] = result.marks.values()
        assert {node: (mark.at, mark.held) for node, mark in marks.items()} == {
            "eu-1": (20, True),
            "us-1": (40, False),
        }


def test_every_document_that_an_event_may_spoil_is_known():
    stored = BlobStored(id=new_id(), at=1, asset=make_record(), **WHERE)
    assert documents_of(stored) == {
        ("assets", stored.asset.asset_id),
        ("locations", "photos/" + "ab" * 32),
        ("versions", f"{stored.asset.asset_id}/{stored.asset.version}"),
    }


@given(prefix=TEXT, name=TEXT)
def test_a_window_holds_exactly_the_names_with_its_prefix(prefix, name):
    end = first_beyond(prefix)
    assert (prefix <= name and (end is None or name < end)) == name.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("", None),
        ("a", "b"),
        ("a/", "a0"),
        ("\ud7ff", "\ue000"),
        ("a" + chr(sys.maxunicode), "b"),
        (chr(sys.maxunicode), None),
    ],
)
def test_the_end_of_a_window_is_valid_text(prefix, end):
    assert first_beyond(prefix) == end


def test_a_cursor_outside_its_prefix_cannot_widen_the_window():
    assert name_window("b", "a") == {"public_id": {"$gte": "b", "$lt": "c"}}
    assert name_window("b", "b7") == {"public_id": {"$gt": "b7", "$lt": "c"}}
    assert name_window("", None) == {"public_id": {"$gte": ""}}


def test_only_the_catalogs_files_speak_to_mongodb_and_only_the_cache_to_redis():
    package = Path(__file__).parents[2] / "query_service"
    speaking = {
        word: {
            file.name
            for file in package.glob("*.py")
            if f"import {word}" in (text := file.read_text()) or f"from {word}" in text
        }
        for word in ("pymongo", "motor", "bson", "redis")
    }
    writing = {"catalog_writer.py", "catalog_upserts.py", "catalog_inserts.py", "catalog_records.py"}
    catalog = {"mongo_driver.py", "catalog_errors.py", "catalog_indexes.py"} | writing
    assert speaking["pymongo"] | speaking["motor"] | speaking["bson"] == catalog | {"hook_store.py"}
    assert speaking["redis"] == {"redis_cache.py", "redis_link.py", "redis_url.py", "shared_redis.py"}
