"""A search that takes too long is refused to who asked it, and to nobody else: the circuit stays closed."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import AutoReconnect, ExecutionTimeout, PyMongoError

from atoll.backoff import Backoff
from query_service.catalog import READ_SECONDS, Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_walks import SERVER_MS
from query_service.circuit import Circuit
from query_service.search_plan import plan_of
from query_service.search_wire import SearchOrder

SEARCH = plan_of(SearchOrder(bucket="b-1", sort="-bytes", min_width=10**9))


class Cursor:
    """Finds nothing, or fails; `told` is how long the server may take."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def sort(self, *_: Any) -> Cursor:
        return self

    limit = batch_size = sort

    def max_time_ms(self, told: int) -> Cursor:
        self._server.told = told
        return self

    async def to_list(self, _: Any) -> list[Any]:
        if self._server.fails:
            raise self._server.fails
        return []


class Server:
    """MongoDB, as much of it as a read asks."""

    reads_whole_windows = False
    fails: PyMongoError | TimeoutError | None = None
    told: int | None = None

    def collection(self, _: str) -> Server:
        return self

    def find(self, *_: Any) -> Cursor:
        return Cursor(self)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def catalog(server: Server) -> Catalog:
    return Catalog(server, Circuit(lambda: 0.0, Backoff(1.0, 4.0)))  # type: ignore[arg-type]


async def _fails(server: Server, catalog: Catalog, error: PyMongoError | TimeoutError) -> None:
    server.fails = error
    with pytest.raises(CatalogUnavailable):
        await catalog.search(SEARCH, 10)
    server.fails = None


@pytest.mark.parametrize("error", [TimeoutError(), ExecutionTimeout("operation exceeded time limit", 50)])
async def test_a_search_that_takes_too_long_cuts_off_nobody_elses_reads(server, catalog, error):
    for _ in range(3):
        await _fails(server, catalog, error)
        assert await catalog.assets(["x"]) == {}


async def test_a_search_that_cannot_reach_mongodb_does(server, catalog):
    await _fails(server, catalog, AutoReconnect("connection closed"))
    with pytest.raises(CatalogUnavailable, match="asked again soon"):
        await catalog.assets(["x"])


async def test_any_other_read_that_hangs_does_too(server, catalog):
    server.fails = TimeoutError()
    with pytest.raises(CatalogUnavailable):
        await catalog.assets(["x"])
    server.fails = None
    with pytest.raises(CatalogUnavailable, match="asked again soon"):
        await catalog.search(SEARCH, 10)


async def test_the_server_lets_go_of_a_search_before_its_reader_does(server, catalog):
    await catalog.search(SEARCH, 10)
    assert server.told == SERVER_MS < READ_SECONDS * 1000
