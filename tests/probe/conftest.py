"""A cluster for the stories of one file. A story leaves it whole: what it broke, it mends."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from atoll.local.cluster import LocalCluster
from probe.story import Story


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """Three regions, all daemons, real engines."""
    directory = tmp_path_factory.mktemp("cluster")
    extra = {"storage_node": {"reserve_bytes": 0, "faces": "off", "inspectors": 1}}  # nodes that start faster
    async with (
        LocalCluster(directory, environ=dict(os.environ), extra=extra, known_ports=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        yield Story(cluster, session)
