"""The disk that loses power: what it forgets, what it keeps, and that SQLite can live on it."""

from __future__ import annotations

import contextlib
import mmap
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from lossy_disk import LossyDisk

from atoll.atomic_file import fsync_directory, write_atomically

pytestmark = pytest.mark.powerloss


def put(path: Path, body: bytes, *, synced: bool) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        if synced:
            os.fsync(file.fileno())


def lose_power(disk: LossyDisk) -> None:
    victim = subprocess.Popen(["sleep", "60"])
    disk.cut(victim.pid)
    assert victim.wait(20) == -9
    disk.mount_again()


def test_it_is_a_file_system(disk):
    folder = disk.mount / "folder"
    folder.mkdir()
    put(folder / "a", b"12345", synced=False)
    (folder / "a").rename(folder / "b")
    assert sorted(path.name for path in folder.iterdir()) == ["b"]
    with (folder / "b").open("r+b") as file:
        (folder / "b").unlink()
        file.seek(3)
        file.write(b"67")
        file.truncate(6)
        file.seek(0)
        assert file.read() == b"12367\0"
    put(folder / "d", b"", synced=False)
    with pytest.raises(OSError, match="not empty"):
        folder.rmdir()
    (folder / "d").unlink()
    folder.rmdir()
    assert os.statvfs(disk.mount).f_bavail > 0


def test_what_was_not_synced_is_forgotten(disk):
    put(disk.mount / "named", b"bytes", synced=False)
    fsync_directory(disk.mount)
    put(disk.mount / "nameless", b"bytes", synced=True)
    lose_power(disk)
    assert [path.name for path in disk.mount.iterdir()] == ["named"]
    assert (disk.mount / "named").read_bytes() == b""


def test_what_was_synced_with_its_name_is_kept(disk):
    write_atomically(disk.mount / "file", b"first")
    write_atomically(disk.mount / "file", b"second")
    put(disk.mount / "file", b"third", synced=False)
    lose_power(disk)
    assert (disk.mount / "file").read_bytes() == b"second"


def test_a_rename_is_kept_name_by_name_with_their_folders(disk):
    for name in ("from", "to"):
        (disk.mount / name).mkdir()
    fsync_directory(disk.mount)
    write_atomically(disk.mount / "from/file", b"bytes")
    (disk.mount / "from/file").rename(disk.mount / "to/file")
    fsync_directory(disk.mount / "to")
    lose_power(disk)
    assert (disk.mount / "to/file").read_bytes() == (disk.mount / "from/file").read_bytes() == b"bytes"


def test_a_new_folder_is_forgotten_with_all_that_was_synced_in_it(disk):
    (disk.mount / "new").mkdir()
    write_atomically(disk.mount / "new/file", b"bytes")
    lose_power(disk)
    assert not list(disk.mount.iterdir())


def test_an_unlinked_file_is_back_unless_its_folder_was_synced(disk):
    for name in ("back", "gone"):
        write_atomically(disk.mount / name, b"bytes")
    (disk.mount / "gone").unlink()
    fsync_directory(disk.mount)
    (disk.mount / "back").unlink()
    lose_power(disk)
    assert [path.name for path in disk.mount.iterdir()] == ["back"]


def test_an_armed_cut_comes_before_the_change_it_was_armed_for(disk):
    victim = subprocess.Popen(["sleep", "60"])
    disk.arm(3, victim.pid)
    put(disk.mount / "a", b"bytes", synced=True)  # create, write, fsync
    with pytest.raises(OSError, match="Input/output"):
        fsync_directory(disk.mount)
    assert victim.wait(20) == -9
    assert "syncing" in disk.cut(victim.pid)
    disk.mount_again()
    assert not list(disk.mount.iterdir())


def test_memory_is_shared_between_processes(disk):
    """What SQLite asks of the file system for its write-ahead log's index."""
    put(disk.mount / "shared", bytes(mmap.PAGESIZE), synced=False)
    write = "import mmap,sys; f=open(sys.argv[1],'r+b'); m=mmap.mmap(f.fileno(),0); m[:4]=b'here'; m.close()"
    with (disk.mount / "shared").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        subprocess.run([sys.executable, "-c", write, str(disk.mount / "shared")], check=True)
        assert memory[:4] == b"here"


@pytest.mark.parametrize("chance", [0, 1, 2, 3])
def test_sqlite_keeps_what_it_committed_and_nothing_else(disk, chance):
    path, work = disk.mount / "index.db", Path(__file__).with_name("sqlite_work.py")
    with subprocess.Popen(
        [sys.executable, str(work), str(path)], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "0\n"
        disk.arm(400 + 100 * chance, worker.pid, chance)
        told = int(worker.stdout.read().split()[-1])
    assert "index.db" in disk.cut(worker.pid)
    disk.mount_again()
    with contextlib.closing(sqlite3.connect(path)) as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = [number for (number,) in index.execute("SELECT number FROM work ORDER BY number")]
    assert rows == list(range(len(rows)))
    assert told in (len(rows) - 1, len(rows) - 2)


def test_a_crash_forgets_nothing_and_the_power_is_still_on(disk):
    victim = subprocess.Popen(["sleep", "60"])
    disk.arm_crash(1, victim.pid)
    put(disk.mount / "a", b"", synced=False)
    with pytest.raises(OSError, match="Input/output"):
        (disk.mount / "b").mkdir()
    assert victim.wait(20) == -9
    assert "making /b" in disk.crash(victim.pid)
    (disk.mount / "c").mkdir()
    assert sorted(path.name for path in disk.mount.iterdir()) == ["a", "c"]
