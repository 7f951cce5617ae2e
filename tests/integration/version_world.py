"""Two nodes of a set and a catalog, as code without daemons: what is committed, told and folded is real.

Events lie in each node's outbox until the world carries them: to the other node, as its replicator would, and
to the catalog, as the indexer would – in any order, and more than once if a test likes. `made` is everything
that was ever committed anywhere; what must be alive follows from that alone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from index_maker import START_MS, a_blob, a_ticket

from atoll.asset_edits import Edit, EditResult
from atoll.events import AssetDeleted, BlobStored, Event
from atoll.ids import named_asset_id, new_id
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder
from query_service.catalog import Catalog
from storage_node.asset_edits import operation_of
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone
from storage_node.index_ops import add_record, published, store_replica, store_upload
from storage_node.origin import Origin

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


class WorldNode:
    """One node's index, with a clock of its own that the test moves."""

    def __init__(self, name: str, region: str, directory: Path) -> None:
        directory.mkdir()
        self.now = START_MS
        self.origin = Origin(name, region, "s1", lambda: self.now)
        self.index = Index(directory / "index.db", name)

    def write(self, operation: Callable[[Any], T]) -> T:
        return self.index.write(operation).result(20)

    def take_events(self) -> list[Event]:
        """What the outbox has, taken out."""
        rows = self.index.outbox(10_000)
        self.write(published([row.seq for row in rows]))
        return [msgspec.json.decode(row.body, type=Event) for row in rows]  # type: ignore[arg-type]  # a union

    def hear(self, event: Event) -> None:
        """As the replicator of this node does."""
        if isinstance(event, AssetDeleted):
            self.write(apply_tombstone(event.tombstone, self.origin))
        elif isinstance(event, BlobStored):
            try:
                self.write(add_record(event.asset, self.origin))
            except LookupError:
                self.write(store_replica(event.asset, b"", self.origin))

    def records(self, asset_id: str) -> tuple[AssetRecord, ...]:
        return self.index.asset(asset_id).records


class World:
    """`run` runs a coroutine; `bucket` is this world's own in the catalog."""

    def __init__(
        self, directory: Path, catalog: Catalog, run: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        directory.mkdir()
        self.bucket = f"w-{new_id()}"
        self.nodes = [WorldNode(f"{r}-1", r, directory / r) for r in ("eu", "us")]
        self._catalog, self._run = catalog, run
        self._to_nodes: list[tuple[int, Event]] = []
        self._to_catalog: list[Event] = []
        self.made: dict[tuple[str, str], AssetRecord] = {}
        self.stones: list[Tombstone] = []

    def close(self) -> None:
        for node in self.nodes:
            node.index.close()

    def asset_id(self, name: str) -> str:
        return named_asset_id(self.bucket, name)

    def upload(self, node: int, name: str, body: str, *, overwrite: bool = True) -> AssetRecord:
        at = self.nodes[node]
        ticket = a_ticket(
            ticket_id=new_id(START_MS), bucket=self.bucket, asset_id=self.asset_id(name), public_id=name,
            overwrite=overwrite,
        )  # fmt: skip
        blob = a_blob(body.encode(), self.bucket)
        work = store_upload(ticket, 0, ticket.asset_id, blob, b"", None, at.origin)
        return self._done(node, lambda: at.write(work))

    def edit(self, node: int, edit: Edit) -> EditResult:
        at = self.nodes[node]
        return self._done(node, lambda: at.write(operation_of(edit, at.origin)))

    def delete(self, node: int, name: str) -> Tombstone:
        at = self.nodes[node]
        order = DeleteOrder(self.asset_id(name), self.bucket, name, "s1")
        return self._done(node, lambda: at.write(make_tombstone(order, at.origin, 3600)))

    def _done(self, node: int, work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            self.collect()

    def collect(self) -> None:
        """Events leave the outboxes, for everybody else."""
        for number, node in enumerate(self.nodes):
            for event in node.take_events():
                self._note(event)
                self._to_nodes.append((1 - number, event))
                self._to_catalog.append(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, BlobStored):
            self.made[event.asset.asset_id, event.asset.version] = event.asset
        elif isinstance(event, AssetDeleted):
            self.stones.append(event.tombstone)

    def carry(self, rng: random.Random, share: float = 1.0) -> None:
        """Some of what is under way arrives, in any order; some of it again later."""
        rng.shuffle(self._to_nodes)
        for target, event in self._some(self._to_nodes, rng, share):
            self.nodes[target].hear(event)
        self.collect()
        rng.shuffle(self._to_catalog)
        if events := self._some(self._to_catalog, rng, share):
            assert not self._run(self._catalog.apply(events)).refused

    def _some(self, waiting: list[T], rng: random.Random, share: float) -> list[T]:
        count = len(waiting) if share >= 1 else rng.randint(0, len(waiting))
        some, waiting[:] = waiting[:count], waiting[count:]
        if share < 1 and some:
            waiting.append(rng.choice(some))
        return some

    def settle(self, rng: random.Random) -> None:
        """Everything arrives."""
        while self._to_nodes or self._to_catalog:
            self.carry(rng)

    def alive(self) -> dict[str, list[AssetRecord]]:
        """By asset: all records that no tombstone covers, newest first."""
        alive: dict[str, list[AssetRecord]] = {}
        for record in self.made.values():
            if not any(stone.covers(record) for stone in self.stones):
                alive.setdefault(record.asset_id, []).append(record)
        return {i: sorted(rs, key=lambda r: r.version, reverse=True) for i, rs in alive.items()}

    def check(self, names: list[str]) -> None:
        """Both nodes and the catalog have exactly what is alive, and every byte of it."""
        alive = self.alive()
        for name in names:
            asset_id = self.asset_id(name)
            records = alive.get(asset_id, [])
            for node in self.nodes:
                assert list(node.records(asset_id)) == records
                assert all(node.index.blob(self.bucket, r.blob.sha256) for r in records)
            shown = self._run(self._catalog.asset(asset_id))
            assert (shown.record if shown else None) == (records[0] if records else None)
            page = self._run(self._catalog.versions(asset_id, None, 1000))
            assert [v.record for v in page.versions] == versions_in(records) if page else not records
            assert page is None or page.current == records[0].content_version

    def history(self, name: str) -> list[str]:
        """The bytes of a name's versions as the catalog shows them, oldest first."""
        page = self._run(self._catalog.versions(self.asset_id(name), None, 1000))
        return [v.record.blob.sha256 for v in reversed(page.versions)] if page else []


def versions_in(records: list[AssetRecord]) -> list[AssetRecord]:
    """Of each version the record that describes it last, newest version first."""
    latest: dict[str, AssetRecord] = {}
    for record in sorted(records, key=lambda r: r.version):
        latest[record.content_version] = record
    return [latest[content] for content in sorted(latest, reverse=True)]


def run_in(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """How a world that is no coroutine runs one."""
    return lambda work: runner.run(work)
