"""A full disk is named, and what to do about it."""

from __future__ import annotations

import errno
import os
import shutil
from types import SimpleNamespace

import pytest

from atoll.local import full_disk
from atoll.local.cluster import LocalCluster
from atoll.local.engine_errors import EngineError
from atoll.local.full_disk import disk_errors, lack_of_space


@pytest.fixture
def full(monkeypatch):
    usage = SimpleNamespace(free=full_disk.SCARCE_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    return usage


def test_a_disk_with_room_or_none_is_not_called_full(tmp_path, full):
    assert "16,383 KiB free" in lack_of_space(tmp_path)
    full.free += 1
    assert lack_of_space(tmp_path) == ""


def test_of_a_directory_that_is_not_there_nothing_is_said(tmp_path):
    assert lack_of_space(tmp_path / "missing") == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_a_disk_refuses_names_the_directory(tmp_path, full, number):
    with pytest.raises(EngineError) as caught, disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.detail.startswith(f"{tmp_path}: {os.strerror(number)}.")
    assert "make room" in caught.value.detail


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


async def test_a_cluster_says_so_at_its_first_file(tmp_path, full, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(EngineError, match="make room there"):
        async with LocalCluster(tmp_path / "data", environ={}):
            pass
