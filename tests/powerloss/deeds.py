"""What a client asks of the node: each may be repeated, and has happened for good once it was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass

from node_fixture import SET, NodeProcess
from powered_node import asked, state_of, unanswered

from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder, PullOrder


class Refused(Exception):
    """An answer, and not the one that acknowledges."""


@dataclass(frozen=True)
class Upload:
    """Bytes by ticket, as a new asset."""

    asset_id: str
    token: str
    body: bytes

    def do(self, node: NodeProcess) -> None:
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

    def do(self, node: NodeProcess) -> None:
        answer = asked(node, "POST", "/internal/v1/pull", PullOrder(self.record, (self.source,)))
        if answer.status != 200 or answer.json["status"] not in ("stored", "present"):
            raise Refused(answer)


@dataclass(frozen=True)
class Delete:
    """The end of an asset that was acknowledged."""

    asset_id: str
    record: AssetRecord

    def do(self, node: NodeProcess) -> None:
        order = DeleteOrder(self.asset_id, self.record.bucket, self.record.public_id, SET)
        answer = asked(node, "POST", "/internal/v1/deletes", order)
        if answer.status != 200:
            raise Refused(answer)


Deed = Upload | Pull | Delete


def record_now(node: NodeProcess, asset_id: str) -> AssetRecord:
    """The newest record of an asset that lives."""
    return state_of(node, asset_id).records[0]


def pulls_from(peer: NodeProcess, bodies: list[bytes]) -> list[Pull]:
    """Upload bodies to a peer, to be pulled from there."""
    answers = [peer.put(body) for body in bodies]
    ids = [answer.json["asset_id"] for answer in answers]
    return [Pull(record_now(peer, i), peer.name, body) for i, body in zip(ids, bodies, strict=True)]
