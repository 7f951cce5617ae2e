"""A crash, a start, then a power cut: what a crash left unsynced looks durable to the next start."""

from __future__ import annotations

import random

import pytest
from aftermath import check_acknowledged, check_files
from deeds import Delete, Restore, Upload, record_now
from node_fixture import until
from powered_node import PoweredNode, Unanswered, own_files
from register import Register
from stage import Stage, staged
from traffic import small_picture

from atoll.ids import new_id

pytestmark = pytest.mark.powerloss

NO_NATS = "nats://test:nobody@127.0.0.1:1"  # or the outbox's commits would sync what is to stay unsynced


@pytest.fixture
def stage(disk, tmp_path):
    with staged(disk, tmp_path, NO_NATS) as made:
        made.node.start()
        yield made


def crash_in(stage: Stage, deed: Upload | Delete | Restore, where: str) -> None:
    """Kill the node over a deed, before the first change `where`, and start it again."""
    stage.disk.arm_crash(0, stage.node.pid, where)
    with pytest.raises(Unanswered):
        deed.do(stage.node)
    assert where in stage.disk.crash(stage.node.pid)
    stage.node.wait()
    stage.node.start()


def acknowledged(node: PoweredNode, register: Register, deed: Upload | Delete | Restore) -> None:
    register.begin(deed)
    deed.do(node, again=True)
    register.acknowledged(deed)


def cut(node: PoweredNode, register: Register) -> None:
    node.lose_power()
    node.start()
    check_acknowledged(node, register)
    check_files(node, register)


def an_upload(node: PoweredNode) -> Upload:
    asset_id = new_id()
    return Upload(asset_id, node.ticket(asset_id=asset_id), small_picture(random.Random(1)))


def uploaded(node: PoweredNode, register: Register) -> Upload:
    upload = an_upload(node)
    acknowledged(node, register, upload)
    return upload


def a_delete(node: PoweredNode, upload: Upload, trash_seconds: int | None) -> Delete:
    record = record_now(node, upload.asset_id)
    assert record is not None
    return Delete(upload.asset_id, record, trash_seconds)


def test_an_upload_acknowledged_after_a_crash_outlives_the_cut(stage):
    register, upload = Register(), an_upload(stage.node)
    crash_in(stage, upload, "syncing /data/index.db-wal")
    acknowledged(stage.node, register, upload)
    cut(stage.node, register)


@pytest.mark.parametrize(
    ("trash_seconds", "where"),
    [(0, "syncing /data/blobs"), (None, "syncing /data/blobs"), (None, "syncing /data/trash")],
)
def test_a_delete_acknowledged_after_a_crash_outlives_the_cut(stage, trash_seconds, where):
    node, register = stage.node, Register()
    delete = a_delete(node, uploaded(node, register), trash_seconds)
    crash_in(stage, delete, where)
    acknowledged(node, register, delete)
    until(lambda: not own_files(node, "blobs"))
    cut(node, register)


@pytest.mark.parametrize("where", ["syncing /data/index.db-wal", "syncing /data/trash"])
def test_a_restore_acknowledged_after_a_crash_outlives_the_cut(stage, where):
    node, register = stage.node, Register()
    upload = uploaded(node, register)
    delete = a_delete(node, upload, None)
    acknowledged(node, register, delete)
    until(lambda: not own_files(node, "blobs"))
    crash_in(stage, Restore(upload.asset_id, delete.record, upload.body), where)
    acknowledged(node, register, Restore(upload.asset_id, delete.record, upload.body))
    cut(node, register)
