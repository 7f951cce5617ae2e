"""Stories: a node's disk is full in the middle of things, read-only, or broken; later it is well again.

The disk is a real file system (FUSE). Where there is none these stories are skipped, loudly.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deeds import Delete, Pull, Refused, Restore, Upload, pulls_from, record_now
from lossy_disk import what_is_missing
from node_fixture import NodeProcess, new_region, picture, until
from own_nats import OwnNats
from powered_node import PoweredNode, bytes_of, share_secret, state_of

from atoll.ids import new_id
from atoll.model import AssetRecord
from probe.moody_disk import MoodyDisk

pytestmark = [pytest.mark.probe, pytest.mark.timeout(120)]

SETTINGS = {"ram_cache_bytes": 0, "inspectors": 1, "faces": "off"}
LARGE = (400, 300)  # pixels: some 360 KB as PNG, in one chunk and a bit


@dataclass
class Stage:
    """`node` is the one with the disk; `peer` has what can be pulled."""

    disk: MoodyDisk
    node: PoweredNode
    peer: NodeProcess

    def upload(self, body: bytes) -> Upload:
        asset_id = new_id()
        return Upload(asset_id, self.node.ticket(asset_id=asset_id), body)

    def stored(self, body: bytes | None = None) -> tuple[AssetRecord, bytes]:
        """An acknowledged upload."""
        upload = self.upload(body or picture())
        upload.do(self.node)
        record = record_now(self.node, upload.asset_id)
        assert record
        return record, upload.body

    def pull(self, body: bytes) -> Pull:
        (pull,) = pulls_from(self.peer, [body])
        return pull

    def says(self) -> tuple[str, bool]:
        health = self.node.request("GET", "/health").json
        return str(health["state"]), bool(health["read_only"])

    def recovers(self) -> None:
        """The disk is well, and the node has noticed: it looks how much room there is once a second."""
        self.disk.recover()
        until(lambda: self.says() == ("ready", False) and self.room() > 2**30, lambda: str(self.says()))

    def room(self) -> int:
        return int(self.node.request("GET", "/health").json["bytes_free"])


@pytest.fixture(scope="module")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if (reason := what_is_missing()) is not None:
        pytest.skip(f"NO STORY OF A BAD DISK WAS TOLD: {reason}")
    directory: Path = tmp_path_factory.mktemp("moody")
    nats = OwnNats(directory, user="test", password="of-this-test")
    nats.start()
    url = f"nats://test:of-this-test@127.0.0.1:{nats.port}"
    with MoodyDisk(directory / "disk") as disk:
        node = PoweredNode(directory / "node", url, new_region(), dict(SETTINGS), disk=disk)
        peer = NodeProcess(directory / "peer", url, new_region(), dict(SETTINGS))
        share_secret(node, peer)
        try:
            node.start()
            peer.start()
            stage = Stage(disk, node, peer)
            first = stage.pull(picture())
            until(lambda: _done(first, node), lambda: "the node cannot pull from its peer")
            yield stage
            assert node.stop() == 0
            peer.end()
        finally:
            node._reap()
            peer._reap()
            nats.kill()


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """A story leaves the disk well, and the node up."""
    yield whole_stage
    whole_stage.disk.recover()
    if not whole_stage.node.is_up:
        whole_stage.node.start()
    whole_stage.recovers()


def _done(deed: Upload | Pull | Delete | Restore, node: NodeProcess) -> bool:
    try:
        deed.do(node, again=True)
    except Refused as refusal:
        if refusal.args[0].status not in {409, 502, 503, 507}:
            raise
        return False
    return True


def refused(deed: Upload | Pull | Delete | Restore, node: NodeProcess) -> int:
    """The status it is refused with."""
    with pytest.raises(Refused) as refusal:
        deed.do(node)
    return int(refusal.value.args[0].status)


@pytest.mark.parametrize("room", [0, 8_192, 100_000, 400_000, 700_000], ids=lambda room: f"{room} bytes left")
def test_a_disk_full_in_the_middle_of_an_upload_refuses_it_or_keeps_it_whole(stage: Stage, room: int) -> None:
    kept, body = stage.stored()
    upload = stage.upload(picture("PNG", size=LARGE))
    before = stage.node.traces().blobs
    stage.disk.room(room)
    taken = _done(upload, stage.node)
    record = record_now(stage.node, upload.asset_id)
    assert (record is not None) == taken
    if record is None:
        assert stage.node.traces().blobs == before
        assert not stage.node.traces().incoming
    assert bytes_of(stage.node, kept) == body
    stage.recovers()
    upload.do(stage.node)
    record = record_now(stage.node, upload.asset_id)
    assert record
    assert bytes_of(stage.node, record) == upload.body


def test_a_full_disk_is_said_so_and_reads_go_on(stage: Stage) -> None:
    kept, body = stage.stored()
    stage.disk.room(0)
    assert refused(stage.upload(picture()), stage.node) == 507
    assert stage.says()[0] == "ready"
    assert bytes_of(stage.node, kept) == body


def test_a_disk_full_in_the_middle_of_a_pull_refuses_it_and_takes_it_later(stage: Stage) -> None:
    pull = stage.pull(picture("PNG", size=LARGE))
    stage.disk.room(100_000)
    assert refused(pull, stage.node) == 507
    assert not stage.node.traces().incoming
    stage.recovers()
    pull.do(stage.node)
    assert bytes_of(stage.node, pull.record) == pull.body


def test_a_delete_on_a_full_disk_is_kept_or_refused_and_frees_its_room(stage: Stage) -> None:
    record, body = stage.stored()
    stage.disk.room(0)
    delete = Delete(record.asset_id, record, 0)
    if not _done(delete, stage.node):
        assert bytes_of(stage.node, record) == body
        assert state_of(stage.node, record.asset_id).tombstone is None
    stage.recovers()
    delete.do(stage.node)
    until(lambda: bytes_of(stage.node, record) is None)
    until(lambda: not list(stage.node.data.rglob(f"{record.blob.sha256}*")))


def test_a_node_killed_on_its_full_disk_starts_once_there_is_room(stage: Stage) -> None:
    record, body = stage.stored()
    stage.disk.room(0)
    refused(stage.upload(picture()), stage.node)
    stage.node.kill()
    stage.node.launch()
    until(lambda: not stage.node.is_up or stage.node._answers())  # either will do, a false word will not
    if stage.node.is_up:
        assert bytes_of(stage.node, record) == body
        stage.node.kill()
    stage.disk.recover()
    stage.node.start()
    assert bytes_of(stage.node, record) == body
    upload = stage.upload(picture())
    upload.do(stage.node)


@pytest.mark.parametrize(
    "number", [errno.EROFS, errno.EIO, errno.EDQUOT], ids=["read-only", "broken", "over quota"]
)
def test_a_disk_that_refuses_every_change_takes_no_upload_and_serves_what_it_has(
    stage: Stage, number: int
) -> None:
    kept, body = stage.stored()
    upload, pull = stage.upload(picture()), stage.pull(picture())
    stage.disk.refuse(number)
    assert refused(upload, stage.node) in {503, 507}
    assert refused(pull, stage.node) in {503, 507}
    assert refused(Delete(kept.asset_id, kept), stage.node) in {503, 507}
    if number == errno.EROFS:
        until(lambda: stage.says() == ("ready", True), lambda: str(stage.says()))
        assert bytes_of(stage.node, kept) == body
    if number == errno.EIO:
        until(lambda: stage.says()[0] == "failing", lambda: str(stage.says()))
    stage.recovers()
    assert bytes_of(stage.node, kept) == body
    upload.do(stage.node)
    pull.do(stage.node)
    assert record_now(stage.node, upload.asset_id)


def test_a_restore_on_a_read_only_disk_is_refused_and_possible_later(stage: Stage) -> None:
    record, body = stage.stored()
    Delete(record.asset_id, record).do(stage.node)
    until(lambda: bytes_of(stage.node, record) is None)
    restore = Restore(record.asset_id, record, body)
    stage.disk.read_only()
    assert refused(restore, stage.node) in {503, 507}
    stage.recovers()
    restore.do(stage.node)
    assert bytes_of(stage.node, record) == body


def test_a_node_whose_disk_is_read_only_at_its_start_has_everything_once_it_is_not(stage: Stage) -> None:
    record, body = stage.stored()
    stage.node.kill()
    stage.disk.read_only()
    stage.node.launch()
    until(lambda: not stage.node.is_up or stage.node._answers())
    if stage.node.is_up:
        assert bytes_of(stage.node, record) == body
        stage.node.kill()
    stage.disk.recover()
    stage.node.start()
    assert bytes_of(stage.node, record) == body
