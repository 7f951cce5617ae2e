"""index.db: group commit, tickets, and what the outbox holds afterwards."""

from __future__ import annotations

import random
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path

import msgspec
import pytest
from index_maker import START_MS, HandOrigin, a_blob, a_ticket, opened, upload

from atoll.errors import Conflict, NoSpace, TicketReplayed
from atoll.events import Event
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from storage_node.index import HeldBlob, Index
from storage_node.index_deletes import make_tombstone
from storage_node.index_ops import (
    add_record,
    forget_expired_tickets,
    published,
    store_replica,
    store_upload,
    want,
)
from storage_node.index_repairs import in_order, quarantined, repaired, reverified
from storage_node.store import BlobKey, StoreFailed


def kinds(index: Index) -> list[str]:
    """The outbox's events, oldest first."""
    bodies = [row.body for row in index.outbox(1000)]
    return [msgspec.json.decode(body, type=Event).__struct_config__.tag for body in bodies]  # type: ignore[arg-type]


def key_of(record: AssetRecord) -> BlobKey:
    return BlobKey(record.bucket, record.blob.sha256, record.blob.ext)


def held(index: Index, record: AssetRecord) -> HeldBlob:
    found = index.blob(record.bucket, record.blob.sha256)
    assert found is not None
    return found


def delete(index: Index, origin: HandOrigin, record: AssetRecord) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set)
    index.write(make_tombstone(order, origin.origin)).result(20)


def test_an_upload_is_there_after_a_restart_with_its_event(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
    with opened(tmp_path) as index:
        held = index.blob("photos", record.blob.sha256)
        assert held is not None
        assert (held.blob, held.fsynced_at, held.verified_at) == (record.blob, START_MS, START_MS)
        assert index.asset(record.asset_id).records == (record,)
        assert index.record_of_blob("photos", record.blob.sha256) == record
        assert kinds(index) == ["blob.stored"]


def test_another_node_may_not_open_the_directory(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with pytest.raises(ValueError, match="node-1"):
        Index(tmp_path / "index.db", "node-2")


def test_an_operation_that_refuses_takes_nothing_from_its_neighbours(tmp_path: Path) -> None:
    """Many uploads in one group commit, every other one with a ticket that was used for other bytes."""
    origin, gate = HandOrigin(), threading.Event()
    with opened(tmp_path) as index:
        used = a_ticket()
        upload(index, origin.origin, b"first", used)
        blocker = index.write(lambda _: gate.wait(20))
        futures: list[Future[AssetRecord]] = []
        for number in range(20):
            ticket = used if number % 2 else a_ticket()
            blob = a_blob(b"body %d" % number)
            futures.append(
                index.write(store_upload(ticket, 0, ticket.asset_id, blob, b"", None, origin.origin))
            )
        gate.set()
        assert blocker.result(20)
        for number, future in enumerate(futures):
            blob = a_blob(b"body %d" % number)
            if number % 2:
                with pytest.raises(TicketReplayed):
                    future.result(20)
                assert index.blob("photos", blob.sha256) is None
            else:
                assert index.asset(future.result(20).asset_id).records
                assert index.blob("photos", blob.sha256) is not None
        assert kinds(index) == ["blob.stored"] * 11
        assert index.counts().blobs == 11


def test_an_operation_that_refuses_halfway_leaves_no_half(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:

        def half(db: sqlite3.Connection) -> None:
            store_upload(a_ticket(), 0, "0" * 26, a_blob(b"x"), b"", None, origin.origin)(db)
            raise Conflict("second thoughts")

        with pytest.raises(Conflict):
            index.write(half).result(20)
        assert index.counts().blobs == 0
        assert kinds(index) == []


def test_an_operation_with_broken_sql_fails_and_the_writer_goes_on(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        with pytest.raises((StoreFailed, NoSpace)):
            index.write(lambda db: db.execute("SELECT nothing FROM nowhere")).result(20)
        assert upload(index, origin.origin, b"after").blob.size == 5


def test_the_same_ticket_with_the_same_bytes_gives_the_same_record_once(tmp_path: Path) -> None:
    origin, ticket = HandOrigin(), a_ticket()
    with opened(tmp_path) as index:
        first = upload(index, origin.origin, b"one", ticket)
        origin.now += 5000
        assert upload(index, origin.origin, b"one", ticket) == first
        assert kinds(index) == ["blob.stored"]


def test_the_same_ticket_with_other_bytes_is_refused_even_after_a_restart(tmp_path: Path) -> None:
    origin, ticket = HandOrigin(), a_ticket()
    with opened(tmp_path) as index:
        upload(index, origin.origin, b"one", ticket)
    with opened(tmp_path) as index, pytest.raises(TicketReplayed):
        upload(index, origin.origin, b"two", ticket)


def test_a_ticket_whose_asset_was_deleted_says_so(tmp_path: Path) -> None:
    origin, ticket = HandOrigin(), a_ticket()
    with opened(tmp_path) as index:
        delete(index, origin, upload(index, origin.origin, b"one", ticket))
        with pytest.raises(Conflict, match="deleted"):
            upload(index, origin.origin, b"one", ticket)


def test_used_tickets_are_forgotten_a_day_after_they_expired(tmp_path: Path) -> None:
    origin, ticket = HandOrigin(), a_ticket()
    with opened(tmp_path) as index:
        upload(index, origin.origin, b"one", ticket)
        day_after = ticket.expires_at + 86_400_000
        assert index.write(forget_expired_tickets(day_after)).result(20) == 0
        assert index.write(forget_expired_tickets(day_after + 1)).result(20) == 1


def test_a_version_is_newer_than_all_known_even_if_the_clock_goes_back(tmp_path: Path) -> None:
    origin, asset_id = HandOrigin(), a_ticket().asset_id
    with opened(tmp_path) as index:
        first = upload(index, origin.origin, b"one", a_ticket(asset_id=asset_id))
        origin.now -= 3_600_000
        second = upload(index, origin.origin, b"two", a_ticket(asset_id=asset_id))
        assert second.version > first.version
        assert index.asset(asset_id).records == (second, first)


def test_two_uploads_of_the_same_bytes_are_one_blob_and_two_assets(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = upload(index, origin.origin, b"one"), upload(index, origin.origin, b"one")
        assert first.asset_id != second.asset_id
        counts = index.counts()
        assert (counts.blobs, counts.bytes) == (1, 3)


def test_published_events_leave_the_outbox_and_the_others_stay_in_order(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        for number in range(5):
            upload(index, origin.origin, b"body %d" % number)
        rows = index.outbox(10)
        index.write(published([rows[0].seq, rows[2].seq])).result(20)
        assert [row.event_id for row in index.outbox(10)] == [rows[i].event_id for i in (1, 3, 4)]
        assert index.counts().outbox == 3


def test_a_replica_is_announced_and_a_second_asset_of_its_blob_too(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path / "") as index:
        one = upload(index, HandOrigin().origin, b"one")
        other = msgspec.structs.replace(one, asset_id="9" * 26, public_id="other")
        assert index.write(add_record(other, origin.origin)).result(20)
        assert kinds(index) == ["blob.stored", "blob.replicated"]
        missing = msgspec.structs.replace(one, blob=a_blob(b"two"))
        with pytest.raises(LookupError):
            index.write(add_record(missing, origin.origin)).result(20)


def test_what_is_wanted_comes_due_later_each_time_and_leaves_when_it_is_stored(tmp_path: Path) -> None:
    origin, rng = HandOrigin(), random.Random(1)
    with opened(tmp_path) as index:
        record = msgspec.structs.replace(upload(index, origin.origin, b"one"), blob=a_blob(b"two"))
        waits = []
        for _ in range(12):
            index.write(want(record, "nobody has it", origin.now, rng)).result(20)
            (item,) = index.wanted(origin.now + 10**9, 10)
            waits.append(item.due_at - origin.now)
        assert item.tries == 12
        assert waits[0] <= 5000
        assert waits[-1] >= 300_000
        assert max(waits) <= 600_000
        assert index.wanted(origin.now, 10) == []
        assert index.write(store_replica(record, b"", origin.origin)).result(20)
        assert index.counts().wanted == 0


def test_a_quarantined_blob_is_not_held_and_a_repaired_one_is_again(tmp_path: Path) -> None:
    origin, rng = HandOrigin(), random.Random(1)
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        both = in_order(
            quarantined(held(index, record), "file", "a flipped bit", origin.origin),
            want(record, "quarantined", origin.now, rng),
        )
        index.write(both).result(20)
        assert index.blob("photos", record.blob.sha256) is None
        assert index.record_of_blob("photos", record.blob.sha256) == record
        assert (index.counts().wanted, index.counts().quarantined, index.counts().blobs) == (1, 1, 0)
        assert index.write(repaired(record.blob, b"", origin.origin)).result(20)
        assert index.blob("photos", record.blob.sha256) is not None
        assert index.counts().wanted == 0
        assert kinds(index) == ["blob.stored", "blob.deleted", "blob.replicated"]


def test_a_repair_that_a_delete_overtook_brings_nothing_back(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        index.write(quarantined(held(index, record), "file", "bad", origin.origin)).result(20)
        delete(index, origin, record)
        assert not index.write(repaired(record.blob, b"", origin.origin)).result(20)
        assert index.blob("photos", record.blob.sha256) is None
        assert index.counts().blobs == 0


def test_new_chunk_digests_replace_wrong_ones(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        index.write(reverified(key_of(record), b"x" * 64, START_MS + 5)).result(20)
        held = index.blob("photos", record.blob.sha256)
        assert held is not None
        assert (held.chunk_digests, held.verified_at) == (b"x" * 64, START_MS + 5)
