"""Single flight: one fetch for all who ask, and nobody boards what was overtaken."""

from __future__ import annotations

import asyncio

import pytest

from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from query_service.catalog_asset import CatalogAsset
from query_service.flights import MAX_BATCH, Flight, Flights


def asset(name: str) -> CatalogAsset:
    blob = Blob("photos", "0" * 64, "jpg", 1, Picture(1, 1))
    return CatalogAsset(AssetRecord(new_id(), name, new_id(), "s1", blob, 1))


class Airline:
    """Keeps the batches that departed until the test lands them."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Flight]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.flights = Flights(self.fly)

    async def fly(self, batch: dict[str, Flight]) -> None:
        self.batches.append(batch)
        await self.go.wait()
        if self.error:
            raise self.error
        for name, flight in batch.items():
            self.flights.land(name, flight, asset(name))

    def ask(self, name: str) -> asyncio.Task[CatalogAsset | None]:
        return asyncio.create_task(self.flights.join(name).wait())


@pytest.fixture
async def airline():
    airline = Airline()
    yield airline
    await airline.flights.close()


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_all_who_ask_for_one_asset_share_its_flight_and_one_moment_shares_a_batch(airline):
    asking = [airline.ask(name) for name in ("a", "b", "a")]
    await turns()
    later = [airline.ask("a"), airline.ask("c")]
    await turns()
    assert [sorted(batch) for batch in airline.batches] == [["a", "b"], ["c"]]
    airline.go.set()
    answers = [a.record.public_id for a in await asyncio.gather(*asking, *later)]
    assert answers == ["a", "b", "a", "a", "c"]


async def test_a_batch_has_a_greatest_size(airline):
    for number in range(MAX_BATCH * 2 + 1):
        airline.flights.join(str(number))
    await turns()
    assert [len(batch) for batch in airline.batches] == [MAX_BATCH, MAX_BATCH, 1]
    airline.go.set()


async def test_after_landing_the_next_one_flies_anew(airline):
    airline.go.set()
    await airline.ask("a")
    await airline.ask("a")
    assert len(airline.batches) == 2


async def test_an_overtaken_flight_is_stale_and_nobody_boards_it(airline):
    early = airline.ask("a")
    await turns()
    airline.flights.overtake(["a", "unknown"])
    late = airline.ask("a")
    await turns()
    first, second = (batch["a"] for batch in airline.batches)
    assert first.stale
    assert not second.stale
    airline.go.set()
    assert await early
    assert await late


async def test_all_flights_can_be_overtaken_at_once_but_not_those_that_still_board(airline):
    airline.ask("a")
    airline.ask("b")
    await turns()
    boarding = airline.flights.join("c")
    airline.flights.overtake(None)
    await turns()
    assert all(flight.stale for flight in airline.batches[0].values())
    assert not boarding.stale
    assert airline.flights.join("c") is boarding
    airline.go.set()


async def test_an_error_reaches_all_who_wait_and_the_next_one_tries_again(airline):
    airline.error = ValueError("engine failure")
    asking = [airline.ask("a"), airline.ask("b")]
    airline.go.set()
    for task in asking:
        with pytest.raises(ValueError, match="engine failure"):
            await task
    airline.error = None
    assert await airline.ask("a")


async def test_an_error_that_nobody_waits_for_is_no_accident(airline):
    airline.error = ValueError("engine failure")
    task = airline.ask("a")
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    airline.go.set()
    await turns()


async def test_at_the_end_those_who_wait_are_let_go(airline):
    task = airline.ask("a")
    await turns()
    await airline.flights.close()
    with pytest.raises(asyncio.CancelledError):
        await task
