"""What home does about its workers when something comes between."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import Unavailable
from atoll.settings import Bytes
from storage_node.settings import NodeSettings
from storage_node.workers import wire
from storage_node.workers.board import Board, new_board
from storage_node.workers.crew import Crew
from storage_node.workers.employee import Employee


class Hired:
    """A worker that serves at once, and what it was told."""

    number = 1

    def __init__(self) -> None:
        self.told: list[ClusterMap] = []

    async def serves(self) -> None:
        pass

    def tell(self, name: str, body: bytes) -> None:
        assert name == wire.MAP
        self.told.append(wire.map_of(body))


@pytest.fixture
def crew(tmp_path):
    given = {"name": "n-1", "region": "eu", "set": "s1", "public_url": "http://n-1", "nats_url": "nats://n"}
    paths = dict.fromkeys(("data_dir", "state_dir", "cluster_secret_file"), tmp_path)
    settings = NodeSettings(**given, **paths, listen_port=1, reserve_bytes=Bytes(0))
    file = new_board(2)
    yield Crew([settings, settings], Board(file, 2, 0), file)
    os.close(file)


async def test_a_map_that_changes_while_a_worker_is_started_reaches_it(crew, monkeypatch):
    one, private = Hired(), ClusterMap.of([Bucket("pictures", visibility="private")])

    async def hire(*_: object) -> Hired:
        await asyncio.sleep(0)
        crew.cluster_changed(private)  # its letter says the old one
        return one

    monkeypatch.setattr(Employee, "hire", hire)
    await crew.start(1, {}, None)
    assert one.told == [private]


async def test_a_machine_that_cannot_start_a_process_now_may_do_so_later(crew, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unavailable):
        await crew.start(1, {}, None)
