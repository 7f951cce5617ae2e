"""What a node counts per bucket, and what a bucket's policy says to what comes in."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from index_maker import HandOrigin, a_blob, a_ticket, opened, upload

from atoll.bucket import Bucket, Ending, Quota
from atoll.cluster import ClusterMap
from atoll.errors import Conflict, NotFound, QuotaExceeded, TicketReplayed
from atoll.model import AssetRecord, Node, Region
from atoll.node_api import DeleteOrder
from atoll.signing import Ticket
from atoll.usage import BucketDeletes, BucketUsage, NodeUsage, of_cluster, of_set
from storage_node.bucket_gate import BucketGate
from storage_node.index import Index
from storage_node.index_deletes import make_tombstone
from storage_node.index_ops import store_upload
from storage_node.index_usage import all_usage, delete_some, usage_of

EU, US = Region("eu", 50, 8), Region("us", 40, -74)
HERE, THERE = Node("node-1", "eu", "s1", "http://a"), Node("node-2", "us", "s1", "http://b")


@dataclass
class Map:
    current: ClusterMap = field(default_factory=lambda: ClusterMap.of([EU, US, HERE, THERE]))

    def have(self, bucket: Bucket) -> None:
        self.current = ClusterMap.of([EU, US, HERE, THERE, bucket])


def usage(index: Index, bucket: str = "photos") -> BucketUsage:
    return index.write(usage_of(bucket, lambda: False)).result(20)


def put(index: Index, gate: BucketGate, body: bytes, ticket: Ticket | None = None) -> AssetRecord:
    ticket = ticket or a_ticket()
    operation = store_upload(ticket, 0, ticket.asset_id, a_blob(body), b"", None, HandOrigin().origin)
    return index.write(gate.guarded(operation, ticket.bucket)).result(20)


def test_usage_counts_assets_and_each_blob_once(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        first = a_ticket()
        upload(index, origin, b"one", first)
        upload(index, origin, b"one")
        upload(index, origin, b"three", a_ticket(asset_id=first.asset_id))
        assert usage(index) == BucketUsage("photos", assets=2, blobs=2, bytes=8)
        assert index.write(all_usage).result(20) == (BucketUsage("photos", 2, 2, 8),)
        assert usage(index, "others") == BucketUsage("others")


def test_a_delete_takes_all_versions_from_the_usage_and_says_what_is_still_to_leave(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        ticket = a_ticket()
        upload(index, origin, b"one", ticket)
        upload(index, origin, b"three", a_ticket(asset_id=ticket.asset_id))
        order = DeleteOrder(ticket.asset_id, "photos", ticket.asset_id, "s1")
        index.write(make_tombstone(order, origin)).result(20)
        assert usage(index) == BucketUsage("photos", leaving=2)
        assert not usage(index).is_nothing


def test_an_index_of_before_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        upload(index, origin, b"one")
        upload(index, origin, b"three")
    with sqlite3.connect(tmp_path / "index.db") as db:
        triggers = db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'usage_%'").fetchall()
        for (name,) in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DROP TABLE bucket_usage")
    db.close()
    with opened(tmp_path) as index:
        assert usage(index) == BucketUsage("photos", 2, 2, 8)
        upload(index, origin, b"more")
        assert usage(index) == BucketUsage("photos", 3, 3, 12)


def test_what_goes_beyond_the_quota_is_undone_and_says_how_much_there_is(tmp_path: Path) -> None:
    cluster = Map()
    gate = BucketGate(HandOrigin().origin, cluster)
    cluster.have(Bucket("photos", quota=Quota(bytes=8)))
    with opened(tmp_path) as index:
        put(index, gate, b"three")
        with pytest.raises(QuotaExceeded) as refused:
            put(index, gate, b"four")
        facts = refused.value.facts
        assert (facts["of"], facts["limit"], facts["used"], facts["asked"]) == ("bytes", 8, 5, 4)
        assert usage(index) == BucketUsage("photos", 1, 1, 5)
        put(index, gate, b"fit")
        put(index, gate, b"fit")  # the same bytes again take no room
        cluster.have(Bucket("photos", quota=Quota(assets=3)))
        with pytest.raises(QuotaExceeded):
            put(index, gate, b"fit")


def test_a_full_bucket_answers_a_repeated_upload_and_takes_other_versions_of_the_same_size(
    tmp_path: Path,
) -> None:
    cluster = Map()
    gate = BucketGate(HandOrigin().origin, cluster)
    cluster.have(Bucket("photos", quota=Quota(assets=1)))
    with opened(tmp_path) as index:
        ticket = a_ticket()
        record = put(index, gate, b"one", ticket)
        assert put(index, gate, b"one", ticket) == record
        assert put(index, gate, b"two", a_ticket(asset_id=ticket.asset_id)).version > record.version
        with pytest.raises(TicketReplayed):
            put(index, gate, b"other", ticket)


def test_a_bucket_that_is_being_deleted_or_gone_takes_nothing(tmp_path: Path) -> None:
    cluster = Map()
    gate = BucketGate(HandOrigin().origin, cluster)
    with opened(tmp_path) as index:
        cluster.have(Bucket("photos", ending=Ending(1)))
        assert gate.is_closed("photos")
        with pytest.raises(Conflict, match="being deleted"):
            put(index, gate, b"one")
        cluster.have(Bucket("others"))
        assert gate.is_closed("photos")
        with pytest.raises(NotFound):
            put(index, gate, b"one")
        assert usage(index).is_nothing


def test_a_set_that_lies_outside_the_home_regions_too_takes_nothing(tmp_path: Path) -> None:
    cluster = Map()
    gate = BucketGate(HandOrigin().origin, cluster)
    with opened(tmp_path) as index:
        cluster.have(Bucket("photos", home_regions=("eu",)))
        with pytest.raises(Conflict) as refused:
            put(index, gate, b"one")
        assert refused.value.facts["outside"] == ["us"]
        cluster.have(Bucket("photos", home_regions=("eu", "us")))
        put(index, gate, b"one")


def test_a_bucket_is_emptied_some_assets_at_a_time(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        for body in (b"a", b"b", b"c", b"d", b"e"):
            upload(index, origin, body)
        order = BucketDeletes("photos", most=2)
        counts = [index.write(delete_some(order, origin, 60)).result(20) for _ in range(4)]
        assert counts == [2, 2, 1, 0]
        assert usage(index) == BucketUsage("photos", leaving=5)


def test_a_set_has_what_its_fullest_member_has_and_the_cluster_all_sets_together() -> None:
    ahead, behind = BucketUsage("b", 5, 4, 400, closed=True), BucketUsage("b", 3, 3, 300, 1)
    one = of_set([ahead, behind], "b")
    assert one == BucketUsage("b", 5, 4, 400, 1)
    assert of_cluster([one, ahead], "b") == BucketUsage("b", 10, 8, 800, 1)
    assert NodeUsage("n", (ahead,)).of("b") == ahead
    assert NodeUsage("n", (ahead,)).of("c").is_nothing
