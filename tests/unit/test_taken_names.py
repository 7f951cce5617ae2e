"""What a ticket is told of a name: taken, free, or nothing when nobody can say in time."""

from __future__ import annotations

import asyncio

import pytest
from query_cluster import asset

from atoll.errors import AlreadyExists
from query_service.catalog_errors import CatalogUnavailable
from query_service.taken_names import TakenNames
from query_service.wire import UploadOrder

NAMED = UploadOrder(bucket="photos", public_id="cats/tom")


class Finder:
    """An AssetFinder that answers what it is given, raises it, or never answers."""

    def __init__(self, answer=None, *, silent=False):
        self.answer, self.silent, self.asked = answer, silent, []

    async def named(self, bucket, public_id, wait):
        assert wait == 0  # for a ticket given a moment ago nobody waits with the next
        self.asked.append((bucket, public_id))
        if self.silent:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_name_keeps_its_set_and_may_be_refused():
    taken = TakenNames(Finder(asset()), 5.0)
    assert await taken.home_of(NAMED) == "main"
    with pytest.raises(AlreadyExists):
        await taken.home_of(UploadOrder(bucket="photos", public_id="cats/tom", overwrite=False))


@pytest.mark.parametrize("finder", [Finder(), Finder(silent=True), Finder(CatalogUnavailable("away"))])
async def test_a_ticket_is_given_without_the_catalogs_word_when_that_does_not_come_in_time(finder):
    assert await TakenNames(finder, 0.01).home_of(NAMED) is None
    assert finder.asked == [("photos", "cats/tom")]


async def test_who_names_nothing_asks_nobody():
    finder = Finder()
    assert await TakenNames(finder, 0.01).home_of(UploadOrder(bucket="photos")) is None
    assert finder.asked == []
