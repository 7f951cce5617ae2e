"""Small uploads wait for the answer to those before them; one that comes singly waits for nobody."""

from __future__ import annotations

import pytest

from atoll.events import BlobStored
from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from replicator.company import SMALL_BYTES, Company
from replicator.work import Poison, Stored

SECONDS = 0.02


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def upload(size=1000):
    blob = Blob("pictures", "0" * 64, "jpg", size, Picture(1, 1))
    asset = AssetRecord(new_id(), "p", new_id(), "s1", blob, 1)
    return Stored(BlobStored(new_id(), 1, "n", "r", "s1", asset), delivery=None)


def test_one_that_comes_while_no_order_is_under_way_waits_for_nobody():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    for _ in range(20):
        clock.now += 0.1 * SECONDS
        company.came(work := upload())
        assert company.left(work, 1) == 0
        company.gone()
        with company.ordered():
            pass


def test_while_an_order_is_under_way_the_first_waits_until_its_time_is_over_and_those_after_it_no_longer():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        company.came(first := upload())
        assert company.left(first, 1) == pytest.approx(SECONDS)
        clock.now += 0.015
        company.came(upload())
        assert 0.0049 < company.left(first, 2) < 0.0051
        clock.now += 0.006
        assert company.left(first, 2) <= 0


def test_an_order_that_takes_long_is_not_waited_for():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        clock.now += 2 * SECONDS
        company.came(work := upload())
        assert company.left(work, 1) <= 0
        with company.ordered():  # one that has just begun is
            company.gone()
            clock.now += 0.25 * SECONDS
            company.came(work)
            assert company.left(work, 1) == pytest.approx(0.75 * SECONDS)


def test_all_go_when_the_last_answer_is_there():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        with company.ordered():
            company.came(work := upload())
        assert company.left(work, 1) > 0
    assert company.left(work, 1) == 0


def test_an_order_that_failed_is_not_waited_for():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with pytest.raises(OSError), company.ordered():
        raise OSError
    company.came(work := upload())
    assert company.left(work, 1) == 0


def test_as_many_as_may_go_together_wait_no_longer():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        for _ in range(4):
            company.came(work := upload())
        assert company.left(work, 3) > 0
        assert company.left(work, 4) == 0


def test_what_was_left_behind_by_a_full_order_goes_at_once():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        company.came(work := upload())
        company.gone()
        assert company.left(work, 1) == 0


def test_a_large_image_and_what_is_no_upload_wait_for_nobody():
    clock = Clock()
    company = Company(4, SECONDS, clock)
    with company.ordered():
        company.came(upload())
        assert company.left(upload(SMALL_BYTES + 1), 2) == 0
        assert company.left(Poison("nonsense", delivery=None), 2) == 0


def test_nobody_waits_when_the_setting_is_nought():
    clock = Clock()
    company = Company(4, 0, clock)
    with company.ordered():
        company.came(work := upload())
        assert company.left(work, 1) == 0
