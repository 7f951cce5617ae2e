"""Two nodes of one set with nothing but NATS: one that dies as a story wants it, and a peer to pull from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deeds import Deed, Refused, Upload, pulls_from
from node_fixture import NodeProcess, new_region, picture, until
from own_nats import OwnNats
from powered_node import Unanswered, asked, bytes_of, share_secret, state_of

from atoll.ids import new_id
from atoll.model import AssetRecord
from atoll.node_api import PullOrder
from probe.rig import LAUNCHER, Rig

SETTINGS = {"ram_cache_bytes": 0, "inspectors": 1, "faces": "off"}


@dataclass
class Pair:
    """`node` is rigged; what it did before it died is asked of it in its next life."""

    nats: OwnNats
    node: NodeProcess
    peer: NodeProcess

    @property
    def rig(self) -> Rig:
        return Rig(self.node.directory / "settings.toml")

    @contextlib.contextmanager
    def dies(self, phase: str) -> Iterator[None]:
        """What is done in here is not answered; afterwards the node lives again."""
        with self.rig.dies(phase):
            with contextlib.suppress(Unanswered):
                yield
            self.node.wait()
        self.node.start()

    def killed_over(self, phase: str, deed: Deed) -> None:
        """The node dies in the middle of a deed, which is then repeated, as a client does."""
        with self.dies(phase):
            deed.do(self.node)
        self.nothing_half_done()
        self.no_empty_record(deed.asset_id)  # before the repetition makes good what was lost
        deed.do(self.node, again=True)

    def no_empty_record(self, asset_id: str) -> None:
        """What it knows it has; after a replay of its journal, once it has looked at its disk."""
        for record in self.records(asset_id):
            until(lambda r=record: bytes_of(self.node, r), lambda: "a record without its bytes")

    def nothing_half_done(self) -> None:
        """No file that was being written outlives the next start."""
        for folder in ("incoming", "quarantine"):
            assert not list((self.node.data / folder).iterdir())

    def get_acquainted(self) -> None:
        """Each finds the other in the map, which reaches them when it does."""
        (first,) = pulls_from(self.peer, [picture()])
        until(lambda: self._does(first), lambda: "the node cannot pull from its peer")
        upload = Upload(asset_id := new_id(), self.node.ticket(asset_id=asset_id), picture())
        upload.do(self.node)
        (record,) = self.records(asset_id)
        self.peer_gets(record, upload.body)

    def _does(self, deed: Deed) -> bool:
        try:
            deed.do(self.node)
        except Refused:
            return False
        return True

    def quiet(self) -> None:
        """All events are sent and noted: what is committed next is the story's."""
        until(
            lambda: not self.node.index("SELECT 1 FROM outbox LIMIT 1"), lambda: "the outbox does not empty"
        )

    def records(self, asset_id: str) -> tuple[AssetRecord, ...]:
        """What the node knows of an asset."""
        return tuple(state_of(self.node, asset_id).records)

    def has(self, record: AssetRecord, body: bytes) -> None:
        """The node has exactly these bytes, in one file."""
        assert bytes_of(self.node, record) == body
        assert len(self.files(record)) == 1

    def files(self, record: AssetRecord, folder: str = "blobs") -> list[Path]:
        """The files with the bytes' name."""
        return [p for p in (self.node.data / folder).rglob(f"{record.blob.sha256}.*") if p.is_file()]

    def peer_gets(self, record: AssetRecord, body: bytes) -> None:
        """What the node has can be pulled from it."""
        order = PullOrder(record, (self.node.name,))

        def pulled() -> bool:  # the map reaches the peer when it does
            return asked(self.peer, "POST", "/internal/v1/pull", order).status == 200

        until(pulled, lambda: "the peer cannot pull it")
        assert bytes_of(self.peer, record) == body


@contextlib.contextmanager
def node_pair(directory: Path) -> Iterator[Pair]:
    """Both running, each known to the other."""
    nats = OwnNats(directory, user="test", password="of-this-test")
    nats.start()
    url = f"nats://test:of-this-test@127.0.0.1:{nats.port}"
    program = (LAUNCHER, "storage_node")
    node = NodeProcess(directory / "node", url, new_region(), dict(SETTINGS), program=program)
    peer = NodeProcess(directory / "peer", url, new_region(), dict(SETTINGS))
    share_secret(node, peer)
    try:
        node.start()
        peer.start()
        pair = Pair(nats, node, peer)
        pair.get_acquainted()
        yield pair
        node.end()
        peer.end()
    finally:
        node._reap()
        peer._reap()
        nats.kill()
