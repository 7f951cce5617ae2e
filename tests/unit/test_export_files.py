"""The files that exports made, on a disk that may lose its power."""

from __future__ import annotations

import os

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
