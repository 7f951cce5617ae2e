"""Which derivative leaves: the least asked for and the cheapest to remake; the quota is kept to."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from derivative_maker import keep_derivative
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_node.derivative_eviction import BLOCK_BYTES, GreedyDual, Worth, footprint
from storage_node.derivative_store import DerivativeKey, DerivativeStore

SHA = "ab" * 32
BLOCKS = st.integers(1, 6)
SECONDS = st.sampled_from((0.01, 0.1, 1.0, 10.0))
KEPT = st.tuples(st.just("keep"), st.integers(0, 9), BLOCKS, SECONDS)
ASKED = st.tuples(st.just("ask"), st.integers(0, 9), st.just(0), st.just(0.0))
REOPENED = st.tuples(st.just("reopen"), st.just(0), st.just(0), st.just(0.0))
DEEDS = st.lists(st.one_of(KEPT, ASKED, REOPENED), max_size=30)


def key(number: int) -> DerivativeKey:
    return DerivativeKey("pictures", SHA, f"w_{number}.jpg")


@pytest.mark.parametrize(("size", "occupied"), [(0, 1), (1, 1), (4096, 1), (4097, 2), (8192, 2)])
def test_a_file_occupies_whole_blocks(size, occupied):
    assert footprint(size) == occupied * BLOCK_BYTES


def test_of_two_asked_for_at_the_same_time_the_one_cheaper_to_remake_per_byte_is_worth_less():
    greedy = GreedyDual()
    assert greedy.asked(0.1, 10_000) < greedy.asked(0.2, 10_000)
    assert greedy.asked(0.1, 20_000) < greedy.asked(0.1, 10_000)


def test_of_equal_worth_the_one_asked_for_longest_ago_is_less():
    greedy = GreedyDual()
    assert greedy.asked(0.1, 4096) < greedy.asked(0.1, 4096)


def test_what_nobody_asks_for_is_overtaken_by_the_age_however_costly_it_was():
    greedy = GreedyDual()
    costly = greedy.asked(10.0, 4096)
    for _ in range(1001):
        greedy.left(greedy.asked(0.01, 4096))
    assert greedy.asked(0.01, 4096) > costly


def test_the_age_never_falls():
    greedy = GreedyDual(5.0)
    greedy.left(Worth(1.0, 1))
    assert greedy.age == 5.0


class Model:
    """GreedyDual-Size in the plainest words: what is kept, and what it is worth."""

    def __init__(self, quota: int) -> None:
        self.quota, self.age, self.turn = quota, 0.0, 0
        self.kept: dict[int, tuple[int, float, float, int]] = {}  # occupied, seconds, worth, turn

    def keep(self, number: int, blocks: int, seconds: float) -> None:
        occupied = blocks * BLOCK_BYTES
        if occupied > self.quota:
            return
        self.kept.pop(number, None)
        while sum(one[0] for one in self.kept.values()) + occupied > self.quota:
            least = min(self.kept, key=lambda n: self.kept[n][2:])
            self.age = max(self.age, self.kept.pop(least)[2])
        self.put(number, occupied, seconds)

    def put(self, number: int, occupied: int, seconds: float) -> None:
        self.turn += 1
        self.kept[number] = (occupied, seconds, self.age + seconds / occupied, self.turn)

    def ask(self, number: int) -> bool:
        if number not in self.kept:
            return False
        self.put(number, *self.kept[number][:2])
        return True

    def reopen(self) -> None:
        self.age = min((one[2] for one in self.kept.values()), default=0.0)


@settings(max_examples=60, deadline=None)
@given(quota=st.integers(0, 12), deeds=DEEDS)
def test_the_quota_is_never_exceeded_and_those_leave_that_a_plain_model_says(quota, deeds):
    with tempfile.TemporaryDirectory() as root:
        model = Model(quota * BLOCK_BYTES)
        store = DerivativeStore(Path(root), quota * BLOCK_BYTES)
        for deed, number, blocks, seconds in deeds:
            if deed == "keep":
                keep_derivative(store, key(number), b"x" * (blocks * BLOCK_BYTES), seconds)
                model.keep(number, blocks, seconds)
            elif deed == "ask":
                assert (store.find(key(number)) is not None) == model.ask(number)
            else:
                store.close()
                store = DerivativeStore(Path(root), quota * BLOCK_BYTES)
                model.reopen()
            files = {path.name: path.stat().st_size for path in Path(root).rglob("*.jpg")}
            assert files == {key(n).name: one[0] for n, one in model.kept.items()}
            assert store.usage().bytes == sum(files.values()) <= quota * BLOCK_BYTES
            assert store.usage().count == len(files)
        store.close()


def test_what_is_asked_for_again_and_again_outlives_what_is_not(tmp_path):
    store = DerivativeStore(tmp_path, 4 * BLOCK_BYTES)
    keep_derivative(store, key(0), b"wanted")
    for number in range(1, 40):
        keep_derivative(store, key(number), b"scanned once")
        assert store.find(key(0)) is not None
    assert store.usage().evictions == 36
    store.close()


def test_what_took_long_to_make_outlives_what_did_not(tmp_path):
    store = DerivativeStore(tmp_path, 4 * BLOCK_BYTES)
    keep_derivative(store, key(0), b"an AVIF", seconds=5.0)
    for number in range(1, 40):
        keep_derivative(store, key(number), b"a JPEG", seconds=0.05)
    assert store.path(key(0)).exists()
    store.close()
