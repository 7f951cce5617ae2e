"""Stories: a storage node is killed in the middle of each thing it does, and starts with nothing lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from deeds import Delete, Pull, Restore, Upload, pulls_from, record_now
from node_fixture import picture, until, upload_path
from powered_node import Unanswered, asked, bytes_of, state_of, unanswered

from atoll.ids import new_id
from atoll.model import AssetRecord
from atoll.node_api import PullOrder
from atoll.repair_api import ProofItem, ProofOrder
from probe.node_pair import Pair, node_pair

pytestmark = [pytest.mark.probe, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with node_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


def an_upload(pair: Pair, body: bytes | None = None) -> Upload:
    asset_id = new_id()
    return Upload(asset_id, pair.node.ticket(asset_id=asset_id), body or picture())


def uploaded(pair: Pair) -> tuple[AssetRecord, bytes]:
    upload = an_upload(pair)
    upload.do(pair.node)
    record = record_now(pair.node, upload.asset_id)
    assert record
    pair.quiet()
    return record, upload.body


def test_killed_while_half_of_the_body_is_there_it_forgets_the_half(pair: Pair) -> None:
    upload = an_upload(pair, picture("PNG", size=(600, 400)))
    head = (
        f"PUT {upload_path(upload.token)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(upload.body)}\r\n\r\n"
    )
    with pair.node.connected() as client:
        client.sendall(head.encode() + upload.body[: len(upload.body) // 2])
        until(lambda: [p for p in (pair.node.data / "incoming").iterdir() if p.stat().st_size])
        pair.node.kill()
    pair.node.start()
    pair.nothing_half_done()
    assert not pair.records(upload.asset_id)
    upload.do(pair.node)
    (record,) = pair.records(upload.asset_id)
    pair.has(record, upload.body)


@pytest.mark.parametrize(
    "phase",
    [
        "upload: all bytes came",
        "upload: synced and looked at",
        "bytes published",
        "before the journal",
        "journal written",
        "committed",
    ],
)
def test_killed_over_an_upload_that_is_repeated_it_has_it_once(pair: Pair, phase: str) -> None:
    pair.quiet()
    upload = an_upload(pair)
    pair.killed_over(phase, upload)
    (record,) = pair.records(upload.asset_id)
    pair.has(record, upload.body)
    pair.peer_gets(record, upload.body)


@pytest.mark.parametrize("phase", ["event to be sent", "event sent"])
def test_killed_over_the_event_of_an_upload_it_tells_it_in_its_next_life(pair: Pair, phase: str) -> None:
    upload = an_upload(pair)
    with pair.dies(phase):
        upload.do(pair.node)
    (record,) = pair.records(upload.asset_id)
    pair.quiet()
    pair.has(record, upload.body)


def test_killed_while_other_regions_are_asked_it_has_the_upload_and_the_retry_is_confirmed(
    pair: Pair,
) -> None:
    asset_id = new_id()
    upload = Upload(asset_id, pair.node.ticket(asset_id=asset_id, durability="all"), picture())
    pair.killed_over("upload: other regions are asked", upload)
    (record,) = pair.records(asset_id)
    assert bytes_of(pair.peer, record) == upload.body, "201 was said"


def pull_of(pair: Pair, body: bytes) -> Pull:
    (pull,) = pulls_from(pair.peer, [body])
    pair.quiet()
    return pull


@pytest.mark.parametrize(
    "phase",
    [
        "pull: some bytes came",
        "pull: all bytes came",
        "bytes published",
        "journal written",
        "committed",
        "pull: to be answered",
    ],
)
def test_killed_over_a_pull_that_is_ordered_again_it_holds_the_blob(pair: Pair, phase: str) -> None:
    size = (900, 800) if phase == "pull: some bytes came" else (48, 32)
    pull = pull_of(pair, picture("PNG", size=size))
    pair.killed_over(phase, pull)
    pair.has(pull.record, pull.body)


@pytest.mark.parametrize("phase", ["pulls: several came", "pulls: several published", "committed"])
def test_killed_over_pulls_that_are_ordered_together_it_holds_every_blob(pair: Pair, phase: str) -> None:
    pulls = pulls_from(pair.peer, [picture() for _ in range(3)])
    pair.quiet()
    orders = [PullOrder(pull.record, (pair.peer.name,)) for pull in pulls]
    with pair.dies(phase):
        asked(pair.node, "POST", "/internal/v1/pulls", orders)
    pair.nothing_half_done()
    for pull in pulls:
        pair.no_empty_record(pull.asset_id)
    assert asked(pair.node, "POST", "/internal/v1/pulls", orders).status == 200
    for pull in pulls:
        pair.has(pull.record, pull.body)


@pytest.mark.parametrize(
    "phase",
    [
        "delete: ordered",
        "before the journal",
        "committed",
        "delete: the tombstone stands",
        "delete: in the trash",
    ],
)
def test_killed_over_a_delete_that_is_repeated_the_image_is_gone_and_can_be_restored(
    pair: Pair, phase: str
) -> None:
    record, body = uploaded(pair)
    pair.killed_over(phase, Delete(record.asset_id, record))
    until(lambda: not pair.files(record), lambda: "the file stays in service")
    assert not pair.records(record.asset_id)
    assert state_of(pair.node, record.asset_id).tombstone
    assert pair.files(record, "trash")
    Restore(record.asset_id, record, body).do(pair.node)
    pair.has(record, body)


@pytest.mark.parametrize("phase", ["delete: the tombstone stands", "delete: erased", "committed"])
def test_killed_over_an_erasure_no_file_is_left_and_the_receipt_says_so(pair: Pair, phase: str) -> None:
    record, _ = uploaded(pair)
    pair.killed_over(phase, Delete(record.asset_id, record, 0))

    def erased() -> bool:
        receipt = asked(pair.node, "GET", f"/internal/v1/receipts/{record.asset_id}").json
        return bool(receipt["removed"]) and all(removed["purged_at"] for removed in receipt["removed"])

    until(erased, lambda: "no receipt of the erasure")
    assert not list(pair.node.data.rglob(f"{record.blob.sha256}*"))


@pytest.mark.parametrize("phase", ["restore: ordered", "restore: bytes moved back", "committed"])
def test_killed_over_a_restore_that_is_repeated_the_image_lives(pair: Pair, phase: str) -> None:
    record, body = uploaded(pair)
    Delete(record.asset_id, record).do(pair.node)
    until(lambda: pair.files(record, "trash"))
    pair.quiet()
    pair.killed_over(phase, Restore(record.asset_id, record, body))
    (restored,) = pair.records(record.asset_id)
    assert restored.version > record.version
    pair.has(restored, body)


def test_killed_in_the_middle_of_a_deep_proof_it_testifies_when_it_is_asked_again(pair: Pair) -> None:
    record, _ = uploaded(pair)
    blob = record.blob
    order = ProofOrder((ProofItem(blob.bucket, blob.sha256, blob.ext),), deep=True)
    with pair.dies("proof: to be read"), pytest.raises(Unanswered):
        asked(pair.node, "POST", "/internal/v1/proofs", order)
    (proof,) = asked(pair.node, "POST", "/internal/v1/proofs", order).json
    assert proof["held"]
    assert proof["verified_at"] > record.created_at


def test_killed_with_a_bad_copy_just_set_aside_it_never_serves_it_and_pulls_a_good_one(pair: Pair) -> None:
    record, body = uploaded(pair)
    pair.peer_gets(record, body)
    pair.node.kill()  # in its next life it has nothing in memory
    pair.node.start()
    (path,) = pair.files(record)
    path.chmod(0o644)
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    with pair.dies("quarantine: set aside"), unanswered():
        bytes_of(pair.node, record)
    assert not pair.files(record)
    Pull(record, pair.peer.name, body).do(pair.node)
    pair.has(record, body)
    for left in (pair.node.data / "quarantine").iterdir():
        left.unlink()


@pytest.mark.parametrize(
    "phase", ["start: disk opened", "start: index judged", "start: index opened", "start: journal replayed"]
)
def test_killed_at_its_own_start_the_next_one_has_everything(pair: Pair, phase: str) -> None:
    record, body = uploaded(pair)
    with pair.rig.dies(phase):
        pair.node.kill()
        pair.node.launch()
        pair.node.wait()
    pair.node.start()
    pair.has(record, body)


@pytest.mark.parametrize(
    "phase", ["start: old index set aside", "start: journal replayed", "rebuild: some bytes found"]
)
def test_killed_while_its_lost_index_is_made_anew_it_begins_again(pair: Pair, phase: str) -> None:
    kept, body = uploaded(pair)
    doomed, _ = uploaded(pair)
    Delete(doomed.asset_id, doomed).do(pair.node)
    pair.node.stop()
    for file in pair.node.data.glob("index.db*"):
        file.unlink()
    (pair.node.data / "index.db").write_bytes(b"this was a database once" * 1000)
    with pair.rig.dies(phase):
        pair.node.launch()
        pair.node.wait()
    pair.node.start()
    until(lambda: bytes_of(pair.node, kept) == body, lambda: "the index is not whole again")
    assert not pair.records(doomed.asset_id)
    assert bytes_of(pair.node, doomed) is None


def test_after_all_these_deaths_every_file_in_service_is_what_its_name_says(pair: Pair) -> None:
    files = list((pair.node.data / "blobs").rglob("*.*"))
    assert files
    for path in files:
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
