"""Where a daemon can be killed in the middle of its work: phases, each the start or the end of a function.

`rigged_daemon.py` is the real daemon with these places watched. A story lays an order beside the daemon's
settings, and the first time the daemon comes to that place it is killed by SIGKILL, once: no sleep has to
guess when it is there. Pure, but for `Rig`, which writes and reads that order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Phase(NamedTuple):
    """`place` is module:function or module:Class.method; `ended`: when it has done its work."""

    place: str
    ended: bool = False


PHASES: dict[str, dict[str, Phase]] = {
    "storage_node": {
        "upload: all bytes came": Phase("storage_node.ingest:Ingest.accept"),
        "upload: synced and looked at": Phase("storage_node.ingest:Ingest._inspect_and_sync", ended=True),
        "bytes published": Phase("storage_node.disk_store:DiskStore.publish", ended=True),
        "before the journal": Phase("storage_node.journal:Journal.append"),
        "journal written": Phase("storage_node.journal:Journal.append", ended=True),
        "committed": Phase("storage_node.index_writer:IndexWriter._transaction", ended=True),
        "upload: other regions are asked": Phase("storage_node.durability:Confirmer.confirm"),
        "event to be sent": Phase("storage_node.outbox_messages:_message"),
        "event sent": Phase("atoll.kept_publisher:KeptPublisher.publish", ended=True),
        "pull: some bytes came": Phase("storage_node.fetch:Intake.take", ended=True),
        "pull: all bytes came": Phase("storage_node.keep:Keeper.keep"),
        "pulls: several came": Phase("storage_node.keep:Keeper.keep_all"),
        "pulls: several published": Phase("storage_node.disk_store:DiskStore.publish_all", ended=True),
        "pull: to be answered": Phase("storage_node.orders:PullOrders._pull", ended=True),
        "delete: ordered": Phase("storage_node.deletes:Deletes._commit"),
        "delete: the tombstone stands": Phase("storage_node.removals:Removals.resume"),
        "delete: in the trash": Phase("storage_node.disk_trash:DiskTrash.bury", ended=True),
        "delete: erased": Phase("storage_node.disk_trash:DiskTrash.erase", ended=True),
        "restore: ordered": Phase("storage_node.restores:Restores._restore"),
        "restore: bytes moved back": Phase("storage_node.disk_trash:DiskTrash.reclaim", ended=True),
        "proof: to be read": Phase("storage_node.proofs:Proofs._read_again"),
        "quarantine: set aside": Phase("storage_node.disk_store:DiskStore.quarantine", ended=True),
        "digests asked for": Phase("storage_node.digests:Digests.refresh"),
        "start: disk opened": Phase("storage_node.disk_store:DiskStore.__init__", ended=True),
        "start: index judged": Phase("storage_node.index_recovery:flaw_of", ended=True),
        "start: index opened": Phase("storage_node.index:Index.__init__", ended=True),
        "start: old index set aside": Phase("storage_node.index_recovery:_set_aside", ended=True),
        "start: journal replayed": Phase("storage_node.journal_replay:_replay", ended=True),
        "rebuild: some bytes found": Phase("storage_node.rebuild:Rebuilder.some", ended=True),
    },
    "replicator": {
        "event came": Phase("replicator.intake:Intake.take"),
        "pull to be ordered": Phase("replicator.pulls:Pulls.order"),
        "pull done": Phase("replicator.own_node:OwnNode.pull", ended=True),
        "tombstone to be applied": Phase("replicator.tombstones:Tombstones.carry_out"),
        "tombstone applied": Phase("replicator.own_node:OwnNode.apply", ended=True),
        "comparing": Phase("replicator.anti_entropy:AntiEntropy._compare"),
        "mend ordered": Phase("replicator.anti_entropy_orders:Orders.pull", ended=True),
        "wanted to be pulled": Phase("replicator.wanted_pulls:WantedPulls.carry_out"),
    },
    "query_service": {
        "ticket signed": Phase("query_service.tickets:TicketOffice.issue", ended=True),
        "event came": Phase("query_service.indexing:Indexing._index"),
        "event indexed": Phase("query_service.catalog_writer:CatalogWriter.apply", ended=True),
        "delete to be sent": Phase("query_service.deletes:Deleter._send"),
        "delete done": Phase("query_service.deletes:Deleter._send", ended=True),
        "a url asked for": Phase("query_service.resolver:Resolver.asset"),
        "catalog compared": Phase("query_service.catalog_repair:CatalogRepair.branch", ended=True),
        "branch verified": Phase("query_service.verification:Verification.branch", ended=True),
        "drain to be proven": Phase("query_service.drain_proof:DrainProof.of"),
        "bucket to be emptied": Phase("query_service.bucket_end:BucketEnd._empty"),
        "bucket emptied": Phase("query_service.bucket_end:BucketEnd._empty", ended=True),
        "bucket's end confirmed": Phase("query_service.bucket_end:BucketEnd.finish"),
        "bucket's end noted": Phase("atoll.cluster_map:LiveClusterMap.remove"),
    },
    "monitor": {
        "looking": Phase("monitor.health:Health.look"),
        "alert to be remembered": Phase("monitor.alert_memory:AlertMemory.save"),
        "alert remembered": Phase("monitor.alert_memory:AlertMemory.save", ended=True),
        "canary flies": Phase("monitor.canary:Canary._follow"),
    },
}

LAUNCHER = str(Path(__file__).with_name("rigged_daemon.py"))


@dataclass(frozen=True)
class Rig:
    """The orders of one daemon; `settings` is its settings file."""

    settings: Path

    @property
    def order(self) -> Path:
        """The phase to die in; gone once it happened."""
        return self.settings.with_suffix(".die")

    @property
    def clock(self) -> Path:
        """By how many seconds its clock is off; read when it starts."""
        return self.settings.with_suffix(".clock")

    @contextlib.contextmanager
    def dies(self, phase: str) -> Iterator[None]:
        """In here the daemon dies when it comes to `phase`; a story in which it did not is no story."""
        self.order.write_text(phase)
        try:
            yield
            assert not self.order.exists(), f"it never came to {phase!r}"
        finally:
            self.order.unlink(missing_ok=True)
