"""Kept derivatives are all read again before a static server is shown any; bad ones leave."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from derivative_maker import keep_derivative

from storage_node.derivative import DerivativeKey, date_of
from storage_node.derivative_scrub import DerivativeScrub
from storage_node.derivative_store import DerivativeStore

PERIOD = 100.0


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    made = DerivativeStore(tmp_path, 2**30)
    yield made
    made.close()


def key(number):
    return DerivativeKey("shop", f"{number:064x}", "c_fit,f_jpg,w_20.jpg")


async def one_pass(scrub):
    task = asyncio.create_task(scrub.run())
    async with asyncio.timeout(20):
        while not scrub.proven:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_all_are_read_and_only_the_bad_one_leaves(store):
    kept = [keep_derivative(store, key(number), os.urandom(500)) for number in range(70)]
    bad = store.path(kept[3].key)
    bad.chmod(0o644)
    bad.write_bytes(bytes(500))
    clock = Clock()
    with ThreadPoolExecutor(1) as threads:
        scrub = DerivativeScrub(store, threads, PERIOD, 1e9, clock)
        assert not scrub.proven
        await one_pass(scrub)
    assert not bad.exists()
    assert [store.find(each.key) is None for each in kept] == [number == 3 for number in range(70)]
    clock.now = PERIOD + 1
    assert not scrub.proven, "what was proven once is not proven for ever"


def test_the_date_of_a_file_is_made_from_its_bytes(store):
    first = keep_derivative(store, key(1), b"the same bytes")
    second = keep_derivative(store, key(2), b"the same bytes")
    other = keep_derivative(store, key(3), b"other bytes...")
    dates = [int(store.path(each.key).stat().st_mtime) for each in (first, second, other)]
    assert dates[0] == dates[1] == date_of(first) != dates[2]
    assert all(0 <= date < 2**31 for date in dates)
