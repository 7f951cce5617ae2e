"""What a node remembers of resumable uploads: URLs, records, numbers, room."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from atoll.errors import Conflict, Forbidden, Gone, NotFound, Overloaded
from atoll.ids import new_id
from atoll.signing import Keys, Ticket
from atoll.tus_errors import UploadLocked
from storage_node.space import SpaceGuard
from storage_node.store import Space, StoreFailed
from storage_node.tus_address import TusAddress, new_upload_id
from storage_node.tus_book import TusBook, TusLimits
from storage_node.tus_record import TusRecord
from storage_node.tus_shelf import TusShelf
from storage_node.tus_sweep import sweep_once

KEYS = Keys(b"a secret that is as long as it must be")


def ticket(max_files: int = 1) -> Ticket:
    return Ticket(new_id(), "n1", "s1", "pictures", new_id(), 2**40, 1000, max_files=max_files)


def record(of: Ticket | None = None, **fields) -> TusRecord:
    given = {"kind": "whole", "file": 0, "length": 100, "created_at": 0, "expires_at": 1000}
    return TusRecord(**{"id": new_upload_id(), "ticket": of or ticket(), **given, **fields})


def space(free: int = 10_000) -> SpaceGuard:
    guard = SpaceGuard(0, None)
    guard.measured(Space(free, free, 0), 0)
    return guard


def book(*known: TusRecord, uploads: int = 2) -> TusBook:
    return TusBook(TusLimits(uploads, 1000, 2), space(), known)


def test_a_url_opens_its_own_upload_on_its_own_node():
    here, there = TusAddress(KEYS, "n1", "http://n1/"), TusAddress(KEYS, "n2", "http://n1")
    first, second = new_upload_id(), new_upload_id()
    url = here.url(first)
    assert here.opened(url) == first
    for other in (url.replace(first, second), there.url(first), url[:-1], url + "x", "", "/v1/tus/../etc"):
        with pytest.raises(Forbidden):
            here.opened(other)


def test_a_whole_keeps_its_last_byte_back_until_it_is_an_asset_and_a_part_does_not():
    assert [record().at(n).offset for n in (0, 99, 100)] == [0, 99, 99]
    assert record(kind="partial").at(100).offset == 100


def test_room_is_held_for_bytes_to_come_and_given_back_at_the_end():
    guard = space(1000)
    kept = TusBook(TusLimits(9, 1000, 2), guard)
    one = record()
    for step, room in ((lambda: kept.put(one), 900), (lambda: kept.put(one.at(60)), 960)):
        step()
        assert guard.has_room(room)
        assert not guard.has_room(room + 1)
    kept.drop(one.id)
    kept.drop(one.id)
    assert guard.has_room(1000)


def test_somebody_at_an_upload_keeps_others_from_it():
    kept = book()
    with kept.locked("a", "b"):
        with pytest.raises(UploadLocked), kept.locked("b"):
            pass
        with kept.locked("c"):
            pass
    with kept.locked("b"):
        pass


def test_an_upload_is_known_until_it_expires():
    one = record()
    kept = book(one)
    assert kept.get(one.id, 999) == one
    with pytest.raises(Gone):
        kept.get(one.id, 1000)
    with pytest.raises(NotFound):
        kept.get(new_upload_id(), 0)
    assert kept.due(999) == []
    assert kept.due(1000) == [one.id]
    with kept.locked(one.id):
        assert kept.due(1000) == []


def test_files_of_a_ticket_are_numbered():
    two = ticket(max_files=2)
    kept = book()
    assert kept.free_number(two) == (0, None)
    kept.put(record(two, file=1))
    kept.put(record(two, file=-1, kind="partial"))
    assert kept.free_number(two) == (0, None)
    kept.put(record(two, file=0, offset=1))
    assert kept.free_number(two)[0] == 1  # takes the place of the one that received nothing
    assert kept.free_number(ticket()) == (0, None)


def test_no_number_is_free_when_all_uploads_of_a_ticket_have_bytes():
    one = ticket()
    with pytest.raises(Conflict):
        book(record(one, offset=1)).free_number(one)


def test_only_so_many_uploads_and_bytes_are_unfinished():
    kept = book(record(length=900))
    kept.check_room(100, ticket(), 1000)
    with pytest.raises(Overloaded):
        kept.check_room(101, ticket(), 1000)
    kept.put(record(length=1))
    with pytest.raises(Overloaded):
        kept.check_room(1, ticket(), 1000)


def test_what_was_saved_is_found_again_and_its_torn_tail_is_cut_off(tmp_path):
    shelf, one, empty = TusShelf(tmp_path), record(), record()
    shelf.create(one)
    shelf.create(empty)
    part = shelf.part(one)
    part.write(b"0123456789")
    part.sync()
    part.close()
    shelf.save(one.at(6))
    (tmp_path / "tus" / f".{one.id}.json.1.new").write_bytes(b"torn")
    found = TusShelf(tmp_path).load()
    assert sorted(r.id for r in found) == sorted([one.id, empty.id])
    assert b"".join(shelf.pieces(one.id)) == b"012345"
    assert len(list((tmp_path / "tus").iterdir())) == 4


def test_what_is_written_goes_behind_the_bytes_that_count(tmp_path):
    shelf, one = TusShelf(tmp_path), record()
    shelf.create(one)
    for at, data in ((0, b"abcdef"), (3, b"XY")):
        part = shelf.part(one.at(at))
        part.write(data)
        part.close()
    assert b"".join(shelf.pieces(one.id)) == b"abcXY"
    shelf.remove(one.id)
    shelf.remove(one.id)
    assert list((tmp_path / "tus").iterdir()) == []


async def test_an_upload_that_somebody_is_at_by_the_time_is_left_to_the_next_sweep():
    first, second = record(), record()
    kept, gone = book(first, second), []

    async def forget(upload_id: str) -> None:
        gone.append(upload_id)
        kept.drop(upload_id)
        if upload_id == first.id:
            busy.enter_context(kept.locked(second.id))  # a request comes while the disk works

    with ExitStack() as busy:
        await sweep_once(kept, forget, 1000)
        assert gone == [first.id]
    await sweep_once(kept, forget, 1000)
    assert gone == [first.id, second.id]


async def test_an_upload_that_the_disk_does_not_let_go_of_keeps_no_other():
    first, second = record(), record()
    kept, gone = book(first, second), []

    async def forget(upload_id: str) -> None:
        if upload_id == first.id:
            raise StoreFailed("The disk failed.")
        gone.append(upload_id)

    await sweep_once(kept, forget, 1000)
    assert gone == [second.id]
