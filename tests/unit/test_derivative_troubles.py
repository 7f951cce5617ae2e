"""The bookkeeping of derivatives lost, torn or full of rubbish; a disk that is full: nothing wrong is served,
no request fails, and what nobody knows any more is swept away."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from derivative_maker import keep_derivative
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage_node.derivative_rows import DerivativeRows
from storage_node.derivative_store import BadDerivative, DerivativeKey, DerivativeStore
from storage_node.derivative_sweep import DerivativeSweep
from storage_node.store import StoreFailed

SHA, OTHER = "ab" * 32, "cd" * 32
KEY = DerivativeKey("pictures", SHA, "e_blur/f_webp,w_9.jpg")
BODY = b"a rendition"
QUOTA = 1 << 20


def book_of(root: Path) -> Path:
    return root / "derivatives" / "derivatives.db"


def opened(root: Path) -> DerivativeStore:
    return DerivativeStore(root, QUOTA)


def filled(root: Path, count: int = 120) -> dict[DerivativeKey, bytes]:
    store, bodies = DerivativeStore(root, 1 << 30), {}
    for number in range(count):
        key = KEY._replace(name=f"e_blur/w_{number}.jpg")
        bodies[key] = os.urandom(50)
        keep_derivative(store, key, bodies[key], layers=(OTHER,))
    store.close()
    return bodies


def swept(store: DerivativeStore, needed=lambda bucket, blob: True) -> int:
    return DerivativeSweep(store, needed).run()


def pictures(root: Path) -> list[Path]:
    return list((root / "derivatives").rglob("*.jpg"))


def serves_nothing_wrong(store: DerivativeStore, bodies: dict[DerivativeKey, bytes]) -> int:
    """Every one is found right, or not at all; how many are."""
    right = 0
    for key, body in bodies.items():
        found = store.find(key)
        if found is None:
            continue
        try:
            assert store.read(found) == body
        except BadDerivative:
            continue
        right += 1
    return right


def damage_delete(book: Path) -> None:
    book.unlink()


def damage_truncate(book: Path) -> None:
    os.truncate(book, book.stat().st_size // 2)


def damage_empty(book: Path) -> None:
    os.truncate(book, 0)


def damage_garbage(book: Path) -> None:
    book.write_bytes(os.urandom(50_000))


def damage_text(book: Path) -> None:
    book.write_text("no database at all")


def damage_middle(book: Path) -> None:
    with book.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(book.stat().st_size - 8192))


def damage_other_tables(book: Path) -> None:
    book.unlink()
    with sqlite3.connect(book) as db:
        db.execute("CREATE TABLE something (else_ TEXT)")
        db.execute("PRAGMA user_version = 1")
    db.close()


def damage_later_version(book: Path) -> None:
    with sqlite3.connect(book) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


DAMAGES = [value for name, value in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_after_a_start_with_a_broken_book_nothing_wrong_is_served_and_all_works_on(tmp_path, damage):
    bodies = filled(tmp_path)
    damage(book_of(tmp_path))
    store = opened(tmp_path)
    swept(store)
    right = serves_nothing_wrong(store, bodies)
    kept = keep_derivative(store, KEY, BODY)
    assert store.read(kept) == BODY
    swept(store)
    assert store.usage().count == len(pictures(tmp_path)) <= right + 1
    assert not store.book.unswept
    store.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_book_that_breaks_while_the_node_runs_fails_no_request(tmp_path, damage):
    bodies = filled(tmp_path)
    store = opened(tmp_path)
    damage(book_of(tmp_path))
    serves_nothing_wrong(store, bodies)
    for number in range(100):
        keep_derivative(store, KEY._replace(name=f"w_{number}.jpg"), BODY)
    serves_nothing_wrong(store, bodies)
    store.close()
    again = opened(tmp_path)
    again.book.unswept = True
    swept(again)
    serves_nothing_wrong(again, bodies)
    assert again.usage().count == len(pictures(tmp_path))
    again.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template")
    return root, filled(root, 40)


@settings(max_examples=100, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20)
)
@example(flips=[(0.44361650503517264, 0)])  # found at the drop
def test_whatever_bytes_of_the_book_fall_over_nothing_wrong_is_served_and_nothing_fails(template, flips):
    with tempfile.TemporaryDirectory() as directory:
        root, bodies = Path(directory) / "data", template[1]
        shutil.copytree(template[0], root)
        body = bytearray(book_of(root).read_bytes())
        for place, value in flips:
            body[int(place * len(body))] = value
        book_of(root).write_bytes(body)
        all_goes_on(root, bodies)


def test_a_drop_that_meets_damage_is_done_with_the_book_that_is_begun_anew(tmp_path, monkeypatch):
    store = opened(tmp_path)
    keep_derivative(store, KEY, BODY)
    of_blob, damage = (
        DerivativeRows.of_blob,
        iter([sqlite3.DatabaseError("database disk image is malformed")]),
    )

    def damaged(rows, bucket, sha256):
        if error := next(damage, None):
            raise error
        return of_blob(rows, bucket, sha256)

    monkeypatch.setattr(DerivativeRows, "of_blob", damaged)
    store.drop("pictures", SHA)
    assert store.find(KEY) is None
    assert not store.path(KEY).exists()
    store.close()


def all_goes_on(root: Path, bodies: dict[DerivativeKey, bytes]) -> None:
    store = opened(root)
    serves_nothing_wrong(store, bodies)
    keep_derivative(store, KEY, BODY)
    store.give_way(10 * 4096)
    swept(store)
    store.drop("pictures", SHA)
    swept(store)
    assert store.find(KEY) is None
    assert not store.path(KEY).exists()
    store.close()


def test_files_that_no_row_knows_are_never_found_and_swept_away_with_their_folders(tmp_path):
    store = opened(tmp_path)
    kept = keep_derivative(store, KEY, BODY)
    top = tmp_path / "derivatives"
    strangers = [
        store.path(KEY._replace(name="w_1.jpg")),
        store.path(KEY._replace(sha256=OTHER)),
        top / "pictures" / "zz" / SHA / "w_1.jpg",
        top / "loose.jpg.tmp" / "file",
        top / "pictures" / "file",
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
    (top / "others" / "ab").mkdir(parents=True)
    assert store.find(KEY._replace(name="w_1.jpg")) is None
    assert swept(store) == len(strangers)
    assert store.read(kept) == BODY
    assert [path for path in top.rglob("*") if path.is_file() and path.parent != top] == [store.path(KEY)]
    assert sorted(path.name for path in top.iterdir() if path.is_dir()) == ["pictures"]
    assert swept(store) == 0
    store.close()


def test_rows_without_a_file_are_struck_out(tmp_path):
    store = opened(tmp_path)
    keep_derivative(store, KEY, BODY)
    store.path(KEY).unlink()
    assert swept(store) == 1
    assert (store.usage().count, store.usage().bytes) == (0, 0)
    store.close()


def test_derivatives_of_blobs_that_no_asset_uses_any_more_are_swept_away(tmp_path):
    store = opened(tmp_path)
    keep_derivative(store, KEY, BODY)
    keep_derivative(store, KEY._replace(sha256=OTHER), BODY)
    swept(store, lambda bucket, blob: blob != SHA)
    assert store.find(KEY) is None
    assert not store.path(KEY).exists()
    assert store.find(KEY._replace(sha256=OTHER)) is not None
    store.close()


def test_a_sweep_that_is_broken_off_is_taken_up_again(tmp_path):
    store = opened(tmp_path)
    path = store.path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"?")
    DerivativeSweep(store, lambda *_: True, lambda: True).run()
    assert path.exists()
    assert swept(store) == 1
    assert not path.exists()
    store.close()


def test_a_sweep_whose_question_cannot_be_answered_is_repeated_and_takes_nothing_away(tmp_path):
    def cannot_tell(bucket: str, blob: str) -> bool:
        raise StoreFailed("the index does not answer")

    store = opened(tmp_path)
    keep_derivative(store, KEY, BODY)
    with pytest.raises(StoreFailed):
        swept(store, cannot_tell)
    assert store.find(KEY) is not None
    assert store.book.unswept
    store.close()


def test_what_is_kept_while_a_sweep_runs_stays(tmp_path):
    store, name = opened(tmp_path), iter(range(10))

    def needed(bucket: str, blob: str) -> bool:
        keep_derivative(store, KEY._replace(name=f"a_{next(name)}.jpg"), BODY)
        return True

    keep_derivative(store, KEY, BODY)
    assert swept(store, needed) == 0
    assert store.usage().count == len(pictures(tmp_path)) == 2
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one megabyte."""
    where = tmp_path / "small"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "atoll-test", where], check=False)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    (where / "incoming").mkdir()
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill_up(disk: Path) -> None:
    with (disk / "others").open("wb") as file, suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))


def test_a_full_disk_fails_no_request_and_leaves_nothing_half_written(small_disk):
    store, bodies = DerivativeStore(small_disk, 1 << 30), {}
    told = keep_derivative(store, KEY, BODY)
    for number in range(40):
        body = os.urandom(50_000)
        other = replace(told, name=f"w_{number}.jpg", size=len(body), digest=sha256(body).hexdigest())
        if store.adopt(other, body, store.drops):
            bodies[other.key] = body
    fill_up(small_disk)
    assert not store.adopt(told, BODY, store.drops)
    assert list((small_disk / "incoming").iterdir()) == []
    assert serves_nothing_wrong(store, bodies) == len(bodies) > 5
    assert len(pictures(small_disk)) <= len(bodies) + 1
    store.close()


def test_on_a_full_disk_derivatives_give_way_and_leave_with_their_blobs(small_disk):
    store = DerivativeStore(small_disk, 1 << 30)
    for number in range(10):
        keep_derivative(store, KEY._replace(name=f"w_{number}.jpg"), os.urandom(50_000))
        keep_derivative(store, KEY._replace(sha256=OTHER, name=f"w_{number}.jpg"), BODY)
    fill_up(small_disk)
    assert store.find(KEY._replace(name="w_0.jpg")) is not None
    assert store.give_way(100_000) >= 100_000
    fill_up(small_disk)
    store.drop("pictures", SHA)
    assert [path for path in pictures(small_disk) if SHA in path.parts] == []
    assert store.usage().count == len(pictures(small_disk))
    store.close()


@pytest.mark.parametrize("step", ["settle", "place"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_a_step_of_keeping_leaves_neither_file_nor_folder(
    tmp_path, monkeypatch, step, number
):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(*(store.files, "settle") if step == "settle" else (os, "rename"), refuse)
        keep_derivative(store, KEY, BODY)
    assert [path for path in (tmp_path / "derivatives").iterdir() if path.is_dir()] == []
    assert list((tmp_path / "incoming").iterdir()) == []
    assert (store.find(KEY), store.usage().unkept) == (None, 1)
    keep_derivative(store, KEY, BODY)
    assert store.find(KEY) is not None
    store.close()


def test_a_disk_without_room_keeps_nothing_more_and_serves_what_it_has(tmp_path):
    room = [True]
    store = DerivativeStore(tmp_path, QUOTA, lambda size: room[0])
    kept = keep_derivative(store, KEY, BODY)
    room[0] = False
    keep_derivative(store, KEY._replace(name="w_1.jpg"), BODY)
    assert not store.adopt(kept, BODY, store.drops)
    assert store.read(kept) == BODY
    assert store.usage().count == 1
    store.close()


def test_derivatives_give_way_by_as_much_as_is_wanted(tmp_path):
    store = opened(tmp_path)
    for number in range(20):
        keep_derivative(store, KEY._replace(name=f"w_{number}.jpg"), BODY)
    assert store.give_way(3 * 4096 + 1) == 4 * 4096
    assert store.usage().count == len(pictures(tmp_path)) == 16
    assert store.give_way(1 << 30) == 16 * 4096
    assert pictures(tmp_path) == []
    assert store.give_way(1) == 0
    store.close()


def test_a_drop_that_cannot_be_sure_says_so_and_is_repeated(tmp_path):
    store = opened(tmp_path)
    keep_derivative(store, KEY, BODY)
    store.close()
    with pytest.raises(StoreFailed):
        store.drop("pictures", SHA)
    again = opened(tmp_path)
    again.drop("pictures", SHA)
    assert again.find(KEY) is None
    again.close()
