"""What somebody found in a picture that was looked at again reaches the other nodes with its record."""

from __future__ import annotations

from pathlib import Path

from index_maker import PLAIN, HandOrigin, opened, upload
from msgspec.structs import replace

from atoll.ids import new_id
from atoll.model import AssetRecord, Face, Picture
from storage_node.index import Index
from storage_node.index_ops import add_record

FOUND = replace(PLAIN, color="#112233", faces=(Face(0.1, 0.1, 0.2, 0.2),))


def again(record: AssetRecord, picture: Picture) -> AssetRecord:
    return replace(
        record, version=new_id(), content=record.version, blob=replace(record.blob, picture=picture)
    )


def picture_on(index: Index, record: AssetRecord) -> Picture:
    held = index.blob(record.bucket, record.blob.sha256)
    assert held is not None
    return held.blob.picture


def test_a_record_that_knows_more_of_a_picture_tells_a_node_that_holds_its_bytes(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        record = upload(index, origin, b"one")
        index.write(add_record(again(record, FOUND), origin)).result(20)
        assert picture_on(index, record) == FOUND


def test_a_record_that_knows_less_takes_nothing_away(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        record = upload(index, origin, b"one", looks=FOUND)
        index.write(add_record(again(record, PLAIN), origin)).result(20)
        assert picture_on(index, record) == FOUND
