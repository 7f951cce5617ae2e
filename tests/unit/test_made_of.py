"""A version that a node makes of an image: what may have happened to that image before the commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from index_maker import HandOrigin, a_blob, a_ticket, opened, upload
from msgspec.structs import replace

from atoll.asset_edits import Describe
from atoll.descriptions import Patch
from atoll.errors import Conflict, NotFound
from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from storage_node.asset_edits import operation_of
from storage_node.index import Index
from storage_node.index_deletes import make_tombstone
from storage_node.index_ops import store_upload

CAT = named_asset_id("photos", "cat")


def shot(index: Index, origin: HandOrigin, body: bytes) -> AssetRecord:
    origin.now += 1000
    return upload(index, origin.origin, body, a_ticket(asset_id=CAT, public_id="cat", title="Tom"))


def made(index: Index, origin: HandOrigin, ordered: AssetRecord) -> AssetRecord:
    origin.now += 1000
    ticket, blob = a_ticket(asset_id=CAT, public_id="cat"), a_blob(b"made of it")
    work = store_upload(ticket, 0, CAT, blob, b"", None, origin.origin, made_of=ordered)
    return index.write(work).result(20)


def test_words_that_were_changed_while_it_was_made_stay(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        ordered = shot(index, origin, b"one")
        origin.now += 1000
        edit = Describe(asset_id=CAT, set="s1", patch=Patch(title="Tomcat"))
        (said,) = index.write(operation_of(edit, origin.origin)).result(20).records
        record = made(index, origin, ordered)
        assert (record.title, record.blob) == ("Tomcat", a_blob(b"made of it"))
        assert record.version > said.version
        assert record.content_version == record.version


def test_an_image_that_was_replaced_while_it_was_made_stays_the_newest(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        ordered, other = shot(index, origin, b"one"), shot(index, origin, b"two")
        with pytest.raises(Conflict):
            made(index, origin, ordered)
        assert index.asset(CAT).records == (other, ordered)
        assert index.blob("photos", a_blob(b"made of it").sha256) is None


def test_an_image_that_was_deleted_while_it_was_made_does_not_come_back(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        ordered = shot(index, origin, b"one")
        index.write(make_tombstone(DeleteOrder(CAT, "photos", "cat", "s1"), origin.origin)).result(20)
        with pytest.raises(NotFound):
            made(index, origin, ordered)
        assert index.asset(CAT).records == ()


def test_a_node_that_knows_less_than_the_order_goes_by_the_order(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        held = shot(index, origin, b"one")
        ahead = new_id(origin.now + 60_000)
        newer = replace(held, version=ahead, blob=a_blob(b"two"), title="Two")
        record = made(index, origin, newer)
        assert record.version > ahead
        assert record.title == "Two"
