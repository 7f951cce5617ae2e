"""An index that was made anew is looked through while uploads come."""

from __future__ import annotations

import errno
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from index_maker import HandOrigin, a_blob, a_ticket, upload

from atoll.errors import AlreadyExists
from atoll.model import AssetRecord
from atoll.signing import Ticket
from storage_node.blob_locks import BlobLocks
from storage_node.chunks import BlobHasher
from storage_node.disk_store import DiskStore
from storage_node.disk_trash import DiskTrash
from storage_node.index import Index
from storage_node.index_ops import store_upload
from storage_node.index_recovery import open_index
from storage_node.index_rows import put_blob
from storage_node.membership import Membership
from storage_node.origin import Origin
from storage_node.placing import Placer
from storage_node.rebuild import Rebuilder
from storage_node.reclaim import Reclaimer
from storage_node.store import BlobKey, StoreFailed


class Unhurried:
    """An index whose writes wait a while for `first`."""

    def __init__(self, index, first: threading.Event) -> None:
        self._index, self._first = index, first

    def write(self, operation):
        self._first.wait(0.5)
        return self._index.write(operation)

    def __getattr__(self, name):
        return getattr(self._index, name)


async def test_a_blob_that_waits_to_be_looked_at_is_found_at_once_and_no_other(tmp_path):
    origin, body = HandOrigin().origin, b"one"
    index = open_index(tmp_path, origin)
    store, locks = DiskStore(tmp_path), BlobLocks()
    here, missing, known = (upload(index, origin, body) for body in (body, b"two", b"three"))
    index.write(lambda db: db.execute("DELETE FROM blobs")).result()
    for record in (here, missing):
        row = (record.asset_id, record.version)
        index.write(lambda db, row=row: db.execute("INSERT INTO unchecked VALUES (?, ?)", row)).result()
    keys = [BlobKey(each.bucket, each.blob.sha256, each.blob.ext) for each in (here, missing, known)]
    staged = store.stage()
    staged.write(body)
    staged.sync()
    store.publish(staged, keys[0])
    with ThreadPoolExecutor(1) as threads:
        reclaimer = Reclaimer(DiskTrash(tmp_path, store), index, locks)
        rebuilder = Rebuilder(
            index, store, reclaimer, locks, origin, threads, random.Random(1), Membership("n"), 0
        )
        assert [await rebuilder.look_for(key) for key in keys] == [True, False, False]
        assert [await rebuilder.look_for(key) for key in keys] == [
            False,
            False,
            False,
        ]  # nothing waits any more
        assert rebuilder.some() == 0
    assert [index.blob(key.bucket, key.sha256) is not None for key in keys] == [True, False, False]
    wanted = index.read(lambda db: db.execute("SELECT asset_id FROM wanted").fetchall())
    assert wanted == [(missing.asset_id,)]
    index.close()


def sent(placer: Placer, store: DiskStore, origin: Origin, body: bytes, ticket: Ticket) -> AssetRecord:
    """An upload as a node commits it; its refusal if it is refused."""
    staged, blob = store.stage(), a_blob(body)
    staged.write(body)
    staged.sync()
    operation = store_upload(ticket, 0, ticket.asset_id, blob, b"", None, origin)
    return placer.place(staged, BlobKey(blob.bucket, blob.sha256, blob.ext), operation).result(20)


def test_a_refused_upload_takes_away_no_copy_that_still_waits_to_be_looked_at(tmp_path):
    origin, body = HandOrigin().origin, b"the only copy"
    store, locks = DiskStore(tmp_path), BlobLocks()
    index = open_index(tmp_path, origin)
    record = sent(Placer(store, index, locks), store, origin, body, a_ticket())
    index.close()
    for file in tmp_path.glob("index.db*"):
        file.unlink()
    index = open_index(tmp_path, origin)  # made anew of the journal; nothing was looked at yet
    again = a_ticket(asset_id=record.asset_id, overwrite=False)
    with pytest.raises(AlreadyExists):
        sent(Placer(store, index, locks), store, origin, body, again)
    with ThreadPoolExecutor(1) as threads:
        reclaimer = Reclaimer(DiskTrash(tmp_path, store), index, locks)
        rebuilder = Rebuilder(
            index, store, reclaimer, locks, origin, threads, random.Random(1), Membership("n"), 0
        )
        assert rebuilder.some() == 1
    assert index.blob(record.bucket, record.blob.sha256) is not None
    assert store.read(BlobKey(record.bucket, record.blob.sha256, record.blob.ext)) == body
    index.close()


def test_bytes_that_come_while_they_are_found_missing_are_held(tmp_path):
    origin, body = HandOrigin().origin, b"one"
    index = open_index(tmp_path, origin)
    record = upload(index, origin, body)
    index.write(lambda db: db.execute("DELETE FROM blobs")).result()
    index.write(
        lambda db: db.execute("INSERT INTO unchecked VALUES (?, ?)", (record.asset_id, record.version))
    ).result()
    store, locks, came = DiskStore(tmp_path), BlobLocks(), threading.Event()
    key = BlobKey(record.bucket, record.blob.sha256, record.blob.ext)
    hasher = BlobHasher()
    hasher.update(body)

    def come() -> None:
        staged = store.stage()
        staged.write(body)
        staged.sync()
        held = Placer(store, index, locks).place(
            staged, key, lambda db: put_blob(db, record.blob, hasher.chunk_digests(), 1)
        )
        held.result(20)
        came.set()

    class Store(DiskStore):
        """Somebody uploads the bytes in the moment in which they are found missing."""

        def quarantine(self, key):
            uploads.append(threads.submit(come))
            return super().quarantine(key)

    uploads = []
    with ThreadPoolExecutor(1) as threads:
        there = Unhurried(index, came)
        reclaimer = Reclaimer(DiskTrash(tmp_path, store), there, locks)
        rebuilder = Rebuilder(
            there, Store(tmp_path), reclaimer, locks, origin, threads, random.Random(1), Membership("n"), 0
        )
        assert rebuilder.some() == 1
        uploads[0].result(20)
    assert index.blob(key.bucket, key.sha256) is not None
    assert store.read(key) == body
    index.close()


@contextmanager
def index_made_anew(
    root: Path, bodies: list[bytes]
) -> Iterator[tuple[Rebuilder, Index, DiskStore, list[BlobKey]]]:
    """A node that held these bytes and lost its index; their keys, in the order of the looks."""
    origin, locks, store = HandOrigin().origin, BlobLocks(), DiskStore(root)
    index = open_index(root, origin)
    records = sorted(
        ((upload(index, origin, body), body) for body in bodies), key=lambda pair: pair[0].asset_id
    )
    keys = [BlobKey(record.bucket, record.blob.sha256, record.blob.ext) for record, _ in records]
    for key, (_, body) in zip(keys, records, strict=True):
        staged = store.stage()
        staged.write(body)
        staged.sync()
        store.publish(staged, key)
    index.close()
    for file in root.glob("index.db*"):
        file.unlink()
    index = open_index(root, origin)
    reclaimer = Reclaimer(DiskTrash(root, store), index, locks)
    with ThreadPoolExecutor(1) as threads:
        rng, member = random.Random(1), Membership("n")
        yield Rebuilder(index, store, reclaimer, locks, origin, threads, rng, member, 0), index, store, keys
    index.close()


def refuse(patch: pytest.MonkeyPatch, path: Path, number: int) -> None:
    """The disk refuses to open this file."""
    opened = Path.open

    def refusing(self: Path, *args: object, **named: object) -> object:
        if self == path:
            raise OSError(number, "refused", str(path))
        return opened(self, *args, **named)

    patch.setattr(Path, "open", refusing)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.ESTALE, errno.EACCES])
def test_a_copy_that_cannot_be_read_just_now_stays_and_is_looked_at_again_behind_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with index_made_anew(tmp_path, [b"one", b"two"]) as (rebuilder, index, store, keys):
        with monkeypatch.context() as patch:
            refuse(patch, store.path(keys[0]), number)
            for _ in range(2):
                with pytest.raises(StoreFailed):
                    rebuilder.some()
            assert [index.blob(key.bucket, key.sha256) is not None for key in keys] == [False, True]
        assert [rebuilder.some(), rebuilder.some()] == [1, 0]
        assert all(index.blob(key.bucket, key.sha256) for key in keys)
        assert not list((tmp_path / "quarantine").iterdir())


async def test_who_asks_for_a_copy_that_cannot_be_read_just_now_is_not_told_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index_made_anew(tmp_path, [b"one"]) as (rebuilder, _, store, keys):
        with monkeypatch.context() as patch:
            refuse(patch, store.path(keys[0]), errno.EMFILE)
            with pytest.raises(StoreFailed):
                await rebuilder.look_for(keys[0])
        assert await rebuilder.look_for(keys[0])


@pytest.mark.parametrize("number", sorted({errno.EIO, getattr(errno, "EUCLEAN", errno.EIO)}))
def test_a_copy_whose_bytes_the_disk_has_lost_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with index_made_anew(tmp_path, [b"one"]) as (rebuilder, index, store, keys):
        refuse(monkeypatch, store.path(keys[0]), number)
        assert rebuilder.some() == 1
        assert store.size(keys[0]) is None
        assert len(list((tmp_path / "quarantine").iterdir())) == index.counts().wanted == 1
