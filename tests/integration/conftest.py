"""Fixtures of many files: clusters for tests of the client and the command, and a NATS to be broken."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bus_settings import DEADLINE, settings_for
from client_clusters import ClusterUnderTest, describe
from file_order import REAL_CLUSTER, SHARING
from own_nats import OwnNats
from shared_cluster import SharedCluster, files_with_it
from standin_cluster import StandinCluster

from atoll.bus import Bus

_SHARED = pytest.StashKey[SharedCluster]()
_FILES = pytest.StashKey[frozenset[Path]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Who shares the real cluster: files that follow each other."""
    sharing = files_with_it(session.items)
    session.stash[_SHARED], session.stash[_FILES] = SharedCluster(), sharing
    names = {file.relative_to(session.config.rootpath).as_posix() for file in sharing}
    if missing := names - set(SHARING[REAL_CLUSTER]):
        raise pytest.UsageError(f"tests/file_order.py does not know that they share: {sorted(missing)}")


@pytest.hookimpl(trylast=True)  # fixtures that use it are gone
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The shared cluster ends where no file goes on with it."""
    if nextitem is None or nextitem.path not in item.session.stash[_FILES]:
        item.session.stash[_SHARED].close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """An interrupted run has no last test."""
    if shared := session.stash.get(_SHARED, None):
        shared.close()


@pytest.fixture
def standin() -> Iterator[StandinCluster]:
    """A cluster in memory, to be broken."""
    with StandinCluster() as running:
        yield running


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[OwnNats]:
    """NATS of the test's own and nothing else, to be stopped, killed and wiped."""
    server = OwnNats(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def bus(own_nats: OwnNats, tmp_path: Path) -> AsyncIterator[Bus]:
    """A daemon's link to that NATS, connected."""
    async with Bus(settings_for(tmp_path, own_nats.url)).opened() as opened:
        await asyncio.wait_for(opened.wait_connected(), DEADLINE)
        yield opened


@pytest.fixture(scope="module")
def running_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ClusterUnderTest:
    """The real thing, shared by the files that follow each other; not to be broken."""
    return request.session.stash[_SHARED].running(tmp_path_factory)


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.probe)])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> ClusterUnderTest:
    """Either: what holds for one has to hold for the other. Not empty: use `folder` for names."""
    if request.param == "real":
        return request.getfixturevalue("running_cluster")
    return describe(request.getfixturevalue("standin"), tmp_path)


@pytest.fixture
def folder() -> str:
    """The start of public_ids that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}/"
