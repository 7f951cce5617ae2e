"""Derivatives on the disk: found, verified, replaced, dropped, and never anything but what was rendered."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from derivative_maker import keep_derivative, rendered

from atoll.errors import BadName
from storage_node.derivative_store import BadDerivative, DerivativeKey, DerivativeStore
from storage_node.store import StoreFailed

SHA, LAYER, OTHER = "ab" * 32, "cd" * 32, "ef" * 32
KEY = DerivativeKey("pictures", SHA, "e_blur/f_webp,w_9.jpg")
BODY = b"a rendition"


@pytest.fixture
def store(tmp_path):
    made = DerivativeStore(tmp_path, 1 << 20)
    yield made
    made.close()


def files(root: Path) -> list[str]:
    top = root / "derivatives"
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if not p.name.startswith("derivatives.db"))


def test_what_is_kept_is_found_with_its_facts_and_read(store, tmp_path):
    kept = keep_derivative(store, KEY, BODY, seconds=0.25, layers=(LAYER,))
    assert kept.digest == hashlib.sha256(BODY).hexdigest()
    assert (kept.size, kept.format, kept.width, kept.height, kept.frames) == (len(BODY), "jpg", 30, 20, 1)
    assert (kept.cost_seconds, kept.layers, kept.key) == (0.25, (LAYER,), KEY)
    assert store.find(KEY) == kept
    assert store.read(kept) == BODY
    assert store.path(KEY) == tmp_path / "derivatives/pictures/ab" / SHA / KEY.name
    assert store.path(KEY).read_bytes() == BODY


def test_what_was_kept_before_a_restart_is_found_after_it(store, tmp_path):
    kept = keep_derivative(store, KEY, BODY)
    store.close()
    again = DerivativeStore(tmp_path, 1 << 20)
    assert again.find(KEY) == kept
    assert again.usage() == store.usage().__class__(4096, 1, 0, 0, 0)
    again.close()


def test_what_was_kept_by_a_process_that_was_killed_is_found(store, tmp_path):
    kept = keep_derivative(store, KEY, BODY)
    second = DerivativeStore(tmp_path, 1 << 20)  # the first was not closed: its log is there as after a kill
    assert second.find(KEY) == kept
    second.close()


def test_what_was_not_kept_is_not_found(store):
    assert store.find(KEY) is None


def test_a_derivative_that_is_made_again_takes_the_place_of_the_old_one(store):
    old = keep_derivative(store, KEY, BODY)
    new = keep_derivative(store, KEY, b"other bytes, by a later encoder")
    assert store.find(KEY) == new
    assert store.usage().count == 1
    with pytest.raises(BadDerivative):
        store.read(old)
    assert store.read(new) == b"other bytes, by a later encoder"
    assert store.usage().bad == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"A rendition"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(BODY + b"!"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["flipped", "empty", "longer", "gone", "a folder"],
)
def test_a_file_that_is_not_what_was_rendered_is_dropped_and_never_returned(store, damage):
    kept = keep_derivative(store, KEY, BODY)
    store.path(KEY).chmod(0o600)
    damage(store.path(KEY))
    with pytest.raises(BadDerivative):
        store.read(kept)
    assert store.find(KEY) is None
    assert not store.path(KEY).is_file()
    assert (store.usage().bad, store.usage().bytes, store.usage().count) == (1, 0, 0)


def test_one_that_was_evicted_after_it_was_found_is_no_bad_one(store):
    kept = keep_derivative(store, KEY, BODY)
    store.give_way(1)
    with pytest.raises(BadDerivative):
        store.read(kept)
    assert store.usage().bad == 0


def test_a_staged_file_that_is_not_as_the_worker_says_is_refused_and_removed(store):
    staged = store.stage()
    staged.parent.mkdir()
    staged.write_bytes(BODY)
    for size in (len(BODY) - 1, len(BODY)):  # the second time there is no file any more
        with pytest.raises(BadDerivative):
            store.keep(KEY, staged, rendered(size), (), store.drops)
        assert not staged.exists()
        staged.unlink(missing_ok=True)
    assert store.find(KEY) is None


def test_a_described_derivative_is_not_kept(store, tmp_path):
    staged = store.stage()
    staged.parent.mkdir()
    staged.write_bytes(BODY)
    derivative, data = store.describe(KEY, staged, rendered(len(BODY)), ())
    assert (data, derivative.digest) == (BODY, hashlib.sha256(BODY).hexdigest())
    assert not staged.exists()
    assert files(tmp_path) == []


def test_what_a_peer_rendered_is_kept_if_its_bytes_are_as_told(store, tmp_path):
    kept = keep_derivative(store, KEY, BODY)
    store.drop("pictures", SHA)
    with pytest.raises(BadDerivative):
        store.adopt(kept, b"A rendition", store.drops)
    with pytest.raises(BadDerivative):
        store.adopt(kept, BODY + b"!", store.drops)
    assert store.find(KEY) is None
    assert store.adopt(kept, BODY, store.drops)
    assert store.read(kept) == BODY
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_quota_of_zero_keeps_nothing_and_serves_all_the_same(tmp_path):
    store = DerivativeStore(tmp_path, 0)
    kept = keep_derivative(store, KEY, BODY)
    assert store.find(KEY) is None
    assert not store.adopt(kept, BODY, store.drops)
    assert store.usage().unkept == 2
    store.close()


def test_one_larger_than_the_quota_is_not_kept_and_pushes_nothing_out(tmp_path):
    store = DerivativeStore(tmp_path, 2 * 4096)
    keep_derivative(store, KEY, BODY)
    keep_derivative(store, KEY._replace(name="w_9999.jpg"), os.urandom(3 * 4096))
    assert store.find(KEY) is not None
    assert store.usage().evictions == 0
    store.close()


def test_a_smaller_quota_than_before_is_kept_to_from_the_next_one_on(store, tmp_path):
    for number in range(10):
        keep_derivative(store, KEY._replace(name=f"w_{number}.jpg"), BODY)
    store.close()
    smaller = DerivativeStore(tmp_path, 3 * 4096)
    keep_derivative(smaller, KEY, BODY)
    assert smaller.usage().count == 3
    assert smaller.find(KEY) is not None
    smaller.close()


@pytest.mark.parametrize(
    "name",
    [
        "../w_9.jpg",
        "a/../../w_9.jpg",
        "/etc/w_9.jpg",
        "",
        "a//w_9.jpg",
        "./w_9.jpg",
        "w_9\0.jpg",
        "a/" * 2000,
    ],
)
def test_no_name_leads_out_of_a_blob_s_folder(store, tmp_path, name):
    with pytest.raises(ValueError, match="no derivative has the name"):
        store.path(KEY._replace(name=name))


@pytest.mark.parametrize(
    "change", [{"bucket": ".."}, {"bucket": "a/b"}, {"sha256": "../" * 22}, {"sha256": ""}]
)
def test_no_bucket_or_hash_leads_elsewhere(store, change):
    with pytest.raises(BadName):
        store.path(KEY._replace(**change))


def test_folders_go_with_the_last_file_in_them(store, tmp_path):
    keep_derivative(store, KEY, BODY)
    keep_derivative(store, DerivativeKey("pictures", OTHER, "w_9.jpg"), BODY)
    store.drop("pictures", SHA)
    assert files(tmp_path) == [
        "pictures",
        "pictures/ef",
        f"pictures/ef/{OTHER}",
        f"pictures/ef/{OTHER}/w_9.jpg",
    ]
    store.give_way(1)
    assert files(tmp_path) == []


def test_all_derivatives_of_a_blob_are_dropped_and_no_others(store, tmp_path):
    mine = [KEY, KEY._replace(name="w_9.jpg"), KEY._replace(name="e_blur.jpg")]
    others = [KEY._replace(sha256=OTHER), KEY._replace(bucket="others")]
    for key in (*mine, *others):
        keep_derivative(store, key, BODY)
    stray = store.path(KEY).with_name("unknown.jpg")
    stray.write_bytes(b"of a run whose bookkeeping was lost")
    store.drop("pictures", SHA)
    assert [store.find(key) for key in mine] == [None] * 3
    assert not stray.exists()
    assert all(store.find(key) for key in others)
    assert store.usage().count == 2


def test_derivatives_are_dropped_with_a_layer_of_theirs(store):
    keep_derivative(store, KEY, BODY, layers=(LAYER, OTHER))
    keep_derivative(store, KEY._replace(bucket="others"), BODY, layers=(LAYER,))
    keep_derivative(store, KEY._replace(name="w_9.jpg"), BODY)
    store.drop("pictures", LAYER)
    assert store.find(KEY) is None
    assert not store.path(KEY).exists()
    assert store.find(KEY._replace(bucket="others")) is not None
    assert store.find(KEY._replace(name="w_9.jpg")) is not None


def test_a_drop_may_be_repeated_and_may_be_of_what_was_never_there(store):
    keep_derivative(store, KEY, BODY)
    for sha256 in (SHA, SHA, OTHER):
        store.drop("pictures", sha256)
    assert store.usage().count == 0


@pytest.mark.parametrize("left", [SHA, LAYER], ids=["source", "layer"])
def test_what_was_rendered_of_a_blob_that_left_meanwhile_is_served_once_and_does_not_stay(
    store, tmp_path, left
):
    seen = store.drops
    store.drop("pictures", left)
    keep_derivative(store, KEY, BODY, layers=(LAYER,), seen_drops=seen)
    assert store.find(KEY) is None
    assert files(tmp_path) == []


def test_a_blob_that_leaves_does_not_keep_others_derivatives_from_being_kept(store):
    seen = store.drops
    store.drop("pictures", OTHER)
    keep_derivative(store, KEY, BODY, layers=(LAYER,), seen_drops=seen)
    assert store.find(KEY) is not None


def test_bytes_that_come_back_have_derivatives_again(store):
    keep_derivative(store, KEY, BODY)
    store.drop("pictures", SHA)
    keep_derivative(store, KEY, BODY)
    assert store.find(KEY) is not None


def test_of_keeping_and_dropping_at_once_nothing_stays(store, tmp_path):
    seen, ready = store.drops, threading.Barrier(9)

    def keep(number: int) -> None:
        ready.wait()
        keep_derivative(store, KEY._replace(name=f"w_{number}.jpg"), BODY, layers=(LAYER,), seen_drops=seen)

    def drop() -> None:
        ready.wait()
        store.drop("pictures", LAYER)

    for _ in range(10):
        with ThreadPoolExecutor(9) as threads:
            for done in [*(threads.submit(keep, number) for number in range(8)), threads.submit(drop)]:
                done.result()
        assert files(tmp_path) == []
        assert store.usage().count == 0


def test_many_threads_at_once_read_nothing_wrong_and_keep_to_the_quota(tmp_path):
    store = DerivativeStore(tmp_path, 6 * 4096)
    bodies = {number: os.urandom(3000) for number in range(12)}

    def work(turn: int) -> None:
        number = turn * 7 % 12
        key = KEY._replace(name=f"w_{number}.jpg")
        found = store.find(key)
        if found is None:
            keep_derivative(store, key, bodies[number])
            return
        with suppress(BadDerivative):  # evicted since
            assert store.read(found) == bodies[number]
        assert store.usage().bytes <= 6 * 4096

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(600)))
    assert store.usage().bad == 0
    assert store.usage().bytes == sum(4096 for _ in tmp_path.rglob("*.jpg")) <= 6 * 4096
    store.close()


def test_asks_are_written_down_in_batches_and_not_for_each(store, tmp_path):
    keep_derivative(store, KEY, BODY)
    changes = store.book._rows._db.total_changes
    for _ in range(500):
        assert store.find(KEY)
    assert store.book._rows._db.total_changes == changes
    store.note_asked()
    assert store.book._rows._db.total_changes == changes + 1


def test_a_closed_store_finds_and_keeps_nothing_and_fails_no_request(store, tmp_path):
    keep_derivative(store, KEY, BODY)
    store.close()
    store.close()
    assert store.find(KEY) is None
    keep_derivative(store, KEY._replace(name="w_9.jpg"), BODY)
    assert len(list(tmp_path.rglob("*.jpg"))) == 1


def test_a_derivative_of_a_blob_that_no_asset_uses_is_served_once_and_does_not_stay(tmp_path):
    store = DerivativeStore(tmp_path, 1 << 20, needed=lambda bucket, sha256: sha256 != SHA)
    kept = keep_derivative(store, KEY, BODY)
    assert not store.adopt(kept, BODY, store.drops)
    assert files(tmp_path) == []
    keep_derivative(store, KEY._replace(sha256=OTHER), BODY)
    assert store.find(KEY._replace(sha256=OTHER)) is not None
    store.close()


def test_when_nobody_can_tell_whether_a_blob_is_used_its_derivative_is_not_kept(tmp_path):
    def cannot_tell(bucket: str, sha256: str) -> bool:
        raise StoreFailed("the index does not answer")

    store = DerivativeStore(tmp_path, 1 << 20, needed=cannot_tell)
    keep_derivative(store, KEY, BODY)
    assert store.find(KEY) is None
    store.close()
