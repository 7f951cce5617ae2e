"""The files that exports made, on a disk that may lose its power."""

from __future__ import annotations

import os
import zipfile

import pytest

from atoll.errors import Unavailable
from storage_node.jobs.export_contents import Contents, add
from storage_node.jobs.export_files import ExportFiles

LATER_MS = 4_000_000_000_000


def test_when_a_file_expires_is_durable_with_its_bytes(tmp_path, monkeypatch):
    files, times = ExportFiles(tmp_path, 1000), []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        times.append(os.fstat(descriptor).st_mtime * 1000)
        fsync(descriptor)

    files.part("a.zip").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", watched)
    files.finish("a.zip", LATER_MS)
    assert times[0] == LATER_MS
    assert files.expires_at("a.zip") == LATER_MS


def test_the_folder_of_all_is_durable_before_anything_lies_in_it(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    ExportFiles(tmp_path, 1000)
    assert synced == [tmp_path.stat().st_ino]


def test_a_file_that_goes_while_the_room_is_counted_is_not_missed(tmp_path, monkeypatch):
    files = ExportFiles(tmp_path, 1000)
    for name in ("a.zip", "b.zip"):
        files.path(name).write_bytes(bytes(600))
    scandir = os.scandir

    def racing(path):
        found = list(scandir(path))
        files.path("a.zip").unlink(missing_ok=True)
        return iter(found)

    monkeypatch.setattr(os, "scandir", racing)
    files.check(400)
    assert files.sweep(LATER_MS / 1000) == 1


ONE, OTHER, THIRD = ("a" * 64, "b" * 64, "c" * 64)


def written(files, name, bucket, *blobs, finished=True):
    """An archive of small files, as an export makes it."""
    files.begin(name, Contents(bucket, blobs))
    source = files.part(name).with_name(".source")
    source.write_bytes(b"bytes")
    with zipfile.ZipFile(files.part(name), "w") as archive:
        archive.comment = bucket.encode()
        for number, sha256 in enumerate(blobs):
            add(archive, source, f"{number}.jpg", sha256)
    source.unlink()
    if finished:
        files.finish(name, LATER_MS)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_archive_knows_what_it_holds_after_a_restart_too(tmp_path, restarted):
    files = ExportFiles(tmp_path, 10**6)
    written(files, "a.zip", "photos", ONE, OTHER)
    written(files, "b.zip", "photos", OTHER)
    written(files, "c.zip", "others", ONE)
    if restarted:
        files = ExportFiles(tmp_path, 10**6)
    assert files.holding("photos", ONE) == ["a.zip"]
    assert files.holding("photos", OTHER) == ["a.zip", "b.zip"]
    assert files.holding("photos", THIRD) == []
    assert files.holding("photos") == ["a.zip", "b.zip"]
    files.remove(["a.zip"])
    assert files.expires_at("a.zip") is None
    assert files.holding("photos", ONE) == []


def test_an_archive_that_is_being_written_is_removed_and_never_finished(tmp_path):
    files = ExportFiles(tmp_path, 10**6)
    written(files, "a.zip", "photos", ONE, finished=False)
    assert files.holding("photos", THIRD) == []
    files.remove(files.holding("photos", ONE))
    with pytest.raises(Unavailable):
        files.finish("a.zip", LATER_MS)
    assert list((tmp_path / "exports").iterdir()) == []


def test_of_what_a_crash_left_behind_anything_may_be_in_it(tmp_path):
    files = ExportFiles(tmp_path, 10**6)
    files.part("a.zip").write_bytes(b"half an archive")
    files.path("b.zip").write_bytes(b"no archive")
    assert files.holding("photos", ONE) == ["a.zip", "b.zip"]
