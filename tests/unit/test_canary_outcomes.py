"""What a canary is called that does not come: by how far it was followed when its time was over."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from hand_clock import HandClock

from atoll.cluster import ClusterMap
from atoll.errors import NotFound, Unavailable
from atoll.model import Node
from monitor.canary import Canary, CanaryPlan
from monitor.canary_board import CanaryBoard
from monitor.canary_history import CanaryHistory

PATIENCE = 1.0  # what comes does so at once; only what does not takes so long
NODES = {f"{region}-1": Node(f"{region}-1", region, "s1", f"http://{region}") for region in ("eu", "us")}


class World:
    """What the API would say: `copies` are the regions with a copy, `answers` what reading there gives."""

    def __init__(self, copies=("eu", "us"), answers=None, upload=None):
        self.copies, self.answers, self.upload_error = copies, answers or {}, upload
        self.bodies, self.deleted, self.left = {}, [], []


class Client:
    """A client that stands in `region` of a world."""

    def __init__(self, world, region):
        self._world, self._region = world, region
        self.operations = self

    async def upload(self, body, *, bucket, public_id):
        if self._world.upload_error:
            raise self._world.upload_error
        self._world.bodies[public_id] = body
        return SimpleNamespace(asset_id=public_id, version="v2")

    async def receipt(self, asset_id):
        held = {r: [SimpleNamespace(version="v2")] if r in self._world.copies else [] for r in ("eu", "us")}
        return SimpleNamespace(nodes=[SimpleNamespace(region=r, held=h) for r, h in held.items()])

    async def get(self, asset_id):
        answer = self._world.answers.get(self._region, self._world.bodies[asset_id])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def delete(self, asset_id, *, trash_seconds):
        assert trash_seconds == 0
        self._world.deleted.append(asset_id)

    async def list(self, bucket, prefix, limit):
        for name in [name for name in self._world.left if name.startswith(prefix)][:limit]:
            yield SimpleNamespace(asset_id=name)


async def rows_after_a_round(world, tmp_path):
    clock, history = HandClock(), CanaryHistory(tmp_path)
    board = CanaryBoard(clock, history, expected=True)

    @asynccontextmanager
    async def client(region, key):
        yield Client(world, region)

    plan = CanaryPlan("m1", "atoll-canary", 60, PATIENCE)
    canary = Canary(
        plan, lambda: ClusterMap(nodes=NODES), None, client, board, history, clock, random.Random(1)
    )
    await canary.round("key")
    return canary, {(row["from"], row["to"]): row for row in board.view()}


async def test_what_comes_is_ok_and_erased(tmp_path):
    world = World()
    _, rows = await rows_after_a_round(world, tmp_path)
    assert {row["outcome"] for row in rows.values()} == {"ok"}
    assert len(rows) == 4
    assert sorted(world.deleted) == ["canary/m1/eu", "canary/m1/us"]


@pytest.mark.parametrize(
    ("world", "outcome", "why"),
    [
        (World(copies=("eu",)), "lost", "no copy came"),
        (World(answers={"us": b"the one before"}), "stale", "an earlier image was still served"),
        (World(answers={"us": NotFound("no such asset")}), "stale", "the API did not know it"),
        (World(answers={"us": Unavailable("nobody answers")}), "failed", "nobody answers"),
    ],
    ids=["no copy", "old bytes", "unknown", "error"],
)
async def test_loss_and_staleness_are_told_apart_and_only_there(tmp_path, world, outcome, why):
    _, rows = await rows_after_a_round(world, tmp_path)
    assert (rows["eu", "us"]["outcome"], rows["us", "us"]["outcome"]) == (outcome, outcome)
    assert why in rows["eu", "us"]["why"]
    assert (rows["eu", "eu"]["outcome"], rows["us", "eu"]["outcome"]) == ("ok", "ok")
    assert len(world.deleted) == 2


async def test_a_canary_that_cannot_be_sent_is_missed_everywhere(tmp_path):
    world = World(upload=Unavailable("no node takes uploads"))
    _, rows = await rows_after_a_round(world, tmp_path)
    assert {row["outcome"] for row in rows.values()} == {"unsent"}
    assert world.deleted == []


async def test_what_an_earlier_life_left_is_swept_and_nobody_elses(tmp_path):
    world = World()
    canary, _ = await rows_after_a_round(world, tmp_path)
    world.left, world.deleted = ["canary/m1/gone", "canary/m2/eu", "photo"], []
    assert await canary._sweep("key")
    assert world.deleted == ["canary/m1/gone"]
    world.left = [f"canary/m1/{number}" for number in range(150)]
    assert not await canary._sweep("key")
