"""Fixtures for tests of the client and the command."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_clusters import ClusterUnderTest, describe, real_cluster
from standin_cluster import StandinCluster


@pytest.fixture
def standin() -> Iterator[StandinCluster]:
    """A cluster in memory, to be broken."""
    with StandinCluster() as running:
        yield running


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """The real thing, once for the whole run; not to be broken."""
    with real_cluster(tmp_path_factory.mktemp("atoll")) as running:
        yield running


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
