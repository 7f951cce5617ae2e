"""What a client asks of the node. Each may be repeated, and once acknowledged it has happened for good."""

from __future__ import annotations

from dataclasses import dataclass

from node_fixture import SET, NodeProcess
from powered_node import asked, state_of, unanswered

from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder, PullOrder
from atoll.repair_api import RestoreOrder


class Refused(Exception):
    """An answer, and not the one that acknowledges."""


@dataclass(frozen=True)
class Upload:
    """Bytes by ticket, as a new asset."""

    asset_id: str
    token: str
    body: bytes

    def do(self, node: NodeProcess, *, again: bool = False) -> None:
        with unanswered():
            answer = node.put(self.body, self.token)
        if answer.status != 201:
            raise Refused(answer)


@dataclass(frozen=True)
class Pull:
    """An asset of a peer, as its replicator orders it."""

    record: AssetRecord
    source: str
    body: bytes

    @property
    def asset_id(self) -> str:
        return self.record.asset_id

    def do(self, node: NodeProcess, *, again: bool = False) -> None:
        answer = asked(node, "POST", "/internal/v1/pull", PullOrder(self.record, (self.source,)))
        if answer.status != 200 or answer.json["status"] not in ("stored", "present"):
            raise Refused(answer)


@dataclass(frozen=True)
class Delete:
    """The end of an asset that was acknowledged."""

    asset_id: str
    record: AssetRecord
    trash_seconds: int | None = None

    def do(self, node: NodeProcess, *, again: bool = False) -> None:
        bucket, public_id = self.record.bucket, self.record.public_id
        order = DeleteOrder(self.asset_id, bucket, public_id, SET, self.trash_seconds)
        answer = asked(node, "POST", "/internal/v1/deletes", order)
        if answer.status != 200:
            raise Refused(answer)


@dataclass(frozen=True)
class Restore:
    """A deleted asset, back from the trash. Repeated after it happened it is refused: it is not deleted."""

    asset_id: str
    record: AssetRecord
    body: bytes

    def do(self, node: NodeProcess, *, again: bool = False) -> None:
        order = RestoreOrder(self.asset_id, self.record.bucket, self.record.public_id, SET)
        answer = asked(node, "POST", "/internal/v1/restores", order)
        if answer.status != 200 and not (again and answer.status == 409):
            raise Refused(answer)


Deed = Upload | Pull | Delete | Restore


def record_now(node: NodeProcess, asset_id: str) -> AssetRecord | None:
    """The newest record of an asset that lives."""
    records = state_of(node, asset_id).records
    return records[0] if records else None


def pulls_from(peer: NodeProcess, bodies: list[bytes]) -> list[Pull]:
    """Upload bodies to a peer, to be pulled from there."""
    return [_pull_from(peer, body) for body in bodies]


def _pull_from(peer: NodeProcess, body: bytes) -> Pull:
    record = record_now(peer, peer.put(body).json["asset_id"])
    assert record is not None
    return Pull(record, peer.name, body)
