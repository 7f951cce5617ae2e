"""A crash at any step leaves the old file or the new one, whole, and no litter that grows."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from atoll import atomic_file
from atoll.atomic_file import replaceable, write_atomically


class PowerCut(BaseException):
    """Nothing catches it."""


STEPS = ["open", "write", "fsync file", "rename", "fsync directory"]


def cut_power_at(monkeypatch, step):
    """The process ends right before `step` takes effect."""

    def cut(*_args, **_kwargs):
        raise PowerCut

    fsyncs = iter([lambda *_: None, cut] if step == "fsync directory" else [cut])
    if step == "open":
        monkeypatch.setattr(os, "open", cut)
    elif step == "write":
        monkeypatch.setattr(os, "fdopen", lambda fd, mode: CutFile(fd))
    elif step.startswith("fsync"):
        monkeypatch.setattr(os, "fsync", lambda fd: next(fsyncs)(fd))
    elif step == "rename":
        monkeypatch.setattr(Path, "rename", cut)


class CutFile:
    """Half of what is written arrives, then the power is gone."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._descriptor)

    def write(self, body):
        os.write(self._descriptor, body[: len(body) // 2])
        raise PowerCut


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_old_or_the_new_file_whole(tmp_path, monkeypatch, step):
    path = tmp_path / "state.json"
    write_atomically(path, b"old" * 1000)
    with monkeypatch.context() as patched:
        cut_power_at(patched, step)
        with pytest.raises(PowerCut):
            write_atomically(path, b"new" * 1000)
    expected = b"new" if step == "fsync directory" else b"old"
    assert path.read_bytes() == expected * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]
    write_atomically(path, b"next")
    assert path.read_bytes() == b"next"


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_crash_at_the_first_write_leaves_no_file(tmp_path, monkeypatch, step):
    with monkeypatch.context() as patched:
        cut_power_at(patched, step)
        with pytest.raises(PowerCut):
            write_atomically(tmp_path / "state.json", b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_fsynced_before_it_gets_its_name_and_the_directory_after(tmp_path, monkeypatch):
    seen = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor):
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append(f"fsync {kind}")
        fsync(descriptor)

    def noted_rename(path, target):
        seen.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    write_atomically(tmp_path / "state.json", b"x")
    assert seen == ["fsync file", "rename", "fsync directory"]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    (tmp_path / f".state.json.{os.getpid()}.new").write_bytes(b"half of somethi")
    write_atomically(tmp_path / "state.json", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_directories_are_made_and_only_the_owner_reads(tmp_path):
    path = tmp_path / "a" / "b" / "secret"
    write_atomically(path, b"x")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_not_there_cannot_be_made_durable(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_file.fsync_directory(tmp_path / "nowhere")


def test_only_a_plain_file_is_replaced_and_a_link_stays_one(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "ahead").symlink_to("new")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to the pipe").symlink_to("pipe")
    assert replaceable(tmp_path / "link") == tmp_path / "file"
    assert replaceable(tmp_path / "ahead") == tmp_path / "new"
    for name in ("pipe", "to the pipe", ".", "/dev/null"):
        with pytest.raises(OSError, match="is no plain file"):
            replaceable(tmp_path / name)
