"""Hypothesis plays with names and versions: against a list of bytes per name, against what must converge."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from index_maker import a_blob
from version_world import World, run_in

from atoll.asset_edits import Copy, ForgetVersion, Rename, Rollback, Target
from atoll.backoff import Backoff
from atoll.errors import AlreadyExists, NotFound
from query_service.catalog import Catalog
from query_service.circuit import Circuit
from query_service.mongo_driver import MongoDatabase
from storage_node.edit_rows import versions_of

pytestmark = pytest.mark.integration

NAMES = ["cat", "dog", "eel"]
BODIES = ["one", "two", "three"]
names, bodies, picks = st.sampled_from(NAMES), st.sampled_from(BODIES), st.integers(0, 3)
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
IN_STEP = settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=CHECKS)
APART = settings(max_examples=20, stateful_step_count=16, deadline=None, suppress_health_check=CHECKS)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def catalog(engines, mongo_database, runner) -> Iterator[Catalog]:
    async def make() -> tuple[MongoDatabase, Catalog]:
        mongo = MongoDatabase(engines.urls.mongodb, mongo_database, "pymongo", "test")
        catalog = Catalog(mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
        await catalog.ensure_indexes()
        return mongo, catalog

    mongo, catalog = runner.run(make())
    yield catalog
    runner.run(mongo.close())


class Names(RuleBasedStateMachine):
    """What can be done to names, on either node."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.rng = world, random.Random(1)

    def teardown(self) -> None:
        try:
            self.world.settle(self.rng)
            self.world.check(NAMES)
        finally:
            self.world.close()

    def target(self, name: str) -> Target:
        return Target(self.world.asset_id(name), name)

    def known(self, node: int, name: str) -> list[str]:
        """The versions that a node knows of a name, oldest first."""
        asset_id = self.world.asset_id(name)
        found = self.world.nodes[node].index.read(lambda db: versions_of(db, asset_id))
        return [record.content_version for record in reversed(found)]

    def picked(self, node: int, name: str, pick: int) -> str | None:
        known = self.known(node, name)
        return known[pick % len(known)] if known else None


class Apart(Names):
    """Two regions that hear of each other late, twice and in any order, with clocks of their own."""

    @initialize(ahead=st.integers(-5000, 5000))
    def clocks(self, ahead: int) -> None:
        self.world.nodes[1].now += ahead

    @rule(node=st.integers(0, 1), by=st.integers(1, 2000))
    def pass_time(self, node: int, by: int) -> None:
        self.world.nodes[node].now += by

    @rule(node=st.integers(0, 1), name=names, body=bodies)
    def upload(self, node: int, name: str, body: str) -> None:
        self.world.upload(node, name, body)

    @rule(node=st.integers(0, 1), name=names)
    def delete(self, node: int, name: str) -> None:
        self.world.delete(node, name)

    @rule(node=st.integers(0, 1), name=names, pick=picks)
    def rollback(self, node: int, name: str, pick: int) -> None:
        version = self.picked(node, name, pick)
        if version is not None:
            self.world.edit(node, Rollback(asset_id=self.world.asset_id(name), set="s1", version=version))

    @rule(node=st.integers(0, 1), name=names, pick=picks)
    def forget(self, node: int, name: str, pick: int) -> None:
        version = self.picked(node, name, pick)
        if version is not None:
            self.world.edit(
                node, ForgetVersion(asset_id=self.world.asset_id(name), set="s1", version=version)
            )

    @rule(node=st.integers(0, 1), pair=st.permutations(NAMES), pick=picks)
    def copy(self, node: int, pair: list[str], pick: int) -> None:
        version = self.picked(node, pair[0], pick)
        if version is not None:
            order = Copy(
                asset_id=self.world.asset_id(pair[0]), set="s1", to=self.target(pair[1]), version=version,
                overwrite=True,
            )  # fmt: skip
            self.world.edit(node, order)

    @rule(node=st.integers(0, 1), pair=st.permutations(NAMES))
    def rename(self, node: int, pair: list[str]) -> None:
        if self.known(node, pair[0]):
            order = Rename(
                asset_id=self.world.asset_id(pair[0]), set="s1", to=self.target(pair[1]), overwrite=True
            )
            self.world.edit(node, order)

    @rule(seed=st.integers(0, 1000))
    def carry_some(self, seed: int) -> None:
        self.world.carry(random.Random(seed), 0.5)


class InStep(Names):
    """One after another, each heard by all before the next: a name is a list of bytes, no more."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.model: dict[str, list[str]] = {name: [] for name in NAMES}

    def heard(self) -> None:
        for node in self.world.nodes:
            node.now += 10
        self.world.settle(self.rng)
        for name in NAMES:
            wanted = [a_blob(body.encode()).sha256 for body in self.model[name]]
            assert self.world.history(name) == wanted

    @rule(node=st.integers(0, 1), name=names, body=bodies, overwrite=st.booleans())
    def upload(self, node: int, name: str, body: str, overwrite: bool) -> None:
        if self.model[name] and not overwrite:
            with pytest.raises(AlreadyExists):
                self.world.upload(node, name, body, overwrite=False)
        else:
            self.world.upload(node, name, body, overwrite=overwrite)
            self.model[name].append(body)
        self.heard()

    @rule(node=st.integers(0, 1), name=names)
    def delete(self, node: int, name: str) -> None:
        self.world.delete(node, name)
        self.model[name] = []
        self.heard()

    @precondition(lambda self: any(self.model.values()))
    @rule(node=st.integers(0, 1), name=names, pick=picks)
    def rollback(self, node: int, name: str, pick: int) -> None:
        if not self.model[name]:
            return
        index = pick % len(self.model[name])
        version = self.known(node, name)[index]
        self.world.edit(node, Rollback(asset_id=self.world.asset_id(name), set="s1", version=version))
        if self.model[name][index] != self.model[name][-1]:  # else it is what it would become
            self.model[name].append(self.model[name][index])
        self.heard()

    @precondition(lambda self: any(self.model.values()))
    @rule(node=st.integers(0, 1), name=names, pick=picks)
    def forget(self, node: int, name: str, pick: int) -> None:
        if not self.model[name]:
            return
        index = pick % len(self.model[name])
        version = self.known(node, name)[index]
        self.world.edit(node, ForgetVersion(asset_id=self.world.asset_id(name), set="s1", version=version))
        del self.model[name][index]
        self.heard()

    @rule(node=st.integers(0, 1), pair=st.permutations(NAMES), pick=picks, overwrite=st.booleans())
    def copy(self, node: int, pair: list[str], pick: int, overwrite: bool) -> None:
        source, to = pair[:2]
        version = self.picked(node, source, pick)
        order = Copy(
            asset_id=self.world.asset_id(source), set="s1", to=self.target(to), version=version,
            overwrite=overwrite,
        )  # fmt: skip
        if self.refused(node, order, source, to, overwrite=overwrite):
            return
        self.model[to].append(self.model[source][pick % len(self.model[source])])
        self.heard()

    @rule(node=st.integers(0, 1), pair=st.permutations(NAMES), overwrite=st.booleans())
    def rename(self, node: int, pair: list[str], overwrite: bool) -> None:
        source, to = pair[:2]
        order = Rename(
            asset_id=self.world.asset_id(source), set="s1", to=self.target(to), overwrite=overwrite
        )
        if not self.model[source]:
            return  # what a repeated rename answers is tried elsewhere
        if self.refused(node, order, source, to, overwrite=overwrite):
            return
        self.model[to] += self.model[source]
        self.model[source] = []
        self.heard()

    def refused(self, node: int, order: Copy | Rename, source: str, to: str, *, overwrite: bool) -> bool:
        """Whether it was to be refused, and was; else it is done."""
        if not self.model[source]:
            with pytest.raises(NotFound):
                self.world.edit(node, order)
        elif self.model[to] and not overwrite:
            with pytest.raises(AlreadyExists):
                self.world.edit(node, order)
        else:
            self.world.edit(node, order)
            return False
        return True


@pytest.mark.parametrize(("machine", "how"), [(InStep, IN_STEP), (Apart, APART)])
def test_names_and_versions_are_what_was_done_to_them(machine, how, catalog, runner, tmp_path: Path) -> None:
    numbers = itertools.count()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis has no types here
        lambda: machine(World(tmp_path / str(next(numbers)), catalog, run_in(runner))), settings=how
    )
