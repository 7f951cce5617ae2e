"""When a remembered hash is believed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time

import pytest

from atoll.client.folder_files import FileChanging
from atoll.client.hash_cache import AT_REST_NS, Digests, HashCache, facts_of
from atoll.client.source import FileUnusable

LATER = 10 * AT_REST_NS  # the cache looks ten times as late as it takes for a file to be at rest


@pytest.fixture
def file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    return tmp_path / "a.png"


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def resting(path=None):
    """A cache for which all files were written long ago."""
    return HashCache(path, lambda: time.time_ns() + LATER)


def test_a_file_at_rest_is_read_once(file):
    cache = resting()
    assert {cache.digests(file).sha256 for _ in range(3)} == {sha256(b"one")}
    assert cache.read_files == 1


def test_and_once_only_over_many_runs(file, tmp_path):
    first = resting(tmp_path / "h.db")
    first.digests(file)
    first.close()
    second = resting(tmp_path / "h.db")
    assert second.digests(file).sha256 == sha256(b"one")
    assert second.read_files == 0
    second.close()


def test_a_file_written_a_moment_before_it_was_hashed_is_read_again(file):
    cache = HashCache(None, lambda: facts_of(file).mtime_ns + AT_REST_NS - 1)
    cache.digests(file)
    cache.digests(file)
    assert cache.read_files == 2


def test_so_is_one_from_the_future(file):
    os.utime(file, ns=(time.time_ns() + 100 * LATER,) * 2)
    cache = resting()
    cache.digests(file)
    cache.digests(file)
    assert cache.read_files == 2


def test_a_write_that_sets_the_time_back_is_noticed(file):
    cache = resting()
    before = file.stat()
    cache.digests(file)
    with file.open("r+b") as same_inode:
        same_inode.write(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert cache.digests(file).sha256 == sha256(b"two")


def test_another_file_of_the_same_size_and_time_in_its_place_is_noticed(file, tmp_path):
    cache = resting()
    cache.digests(file)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert cache.digests(file).sha256 == sha256(b"two")


def test_what_was_not_at_rest_is_forgotten_not_kept(file):
    cache = resting()
    cache.digests(file)
    cache.note(file, Digests("0" * 64, None, facts_of(file)), facts_of(file).mtime_ns)
    assert cache.digests(file).sha256 == sha256(b"one")


def test_an_md5_is_read_when_it_is_asked_for_and_then_kept(file):
    cache = resting()
    cache.digests(file)
    assert cache.digests(file, md5=True).md5 == hashlib.md5(b"one").hexdigest()
    assert cache.digests(file).md5 is not None
    assert cache.read_files == 2


@pytest.mark.parametrize("body", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_cache_is_made_anew(file, tmp_path, body):
    (tmp_path / "h.db").write_bytes(body)
    for reads in (1, 0):
        cache = resting(tmp_path / "h.db")
        assert cache.digests(file).sha256 == sha256(b"one")
        assert cache.read_files == reads
        cache.close()


def test_a_cache_that_cannot_be_written_or_is_locked_is_done_without(file, tmp_path):
    (tmp_path / "h.db").mkdir()
    assert resting(tmp_path / "h.db").digests(file).sha256 == sha256(b"one")
    resting(tmp_path / "l.db").close()
    locked = sqlite3.connect(tmp_path / "l.db")
    locked.execute("BEGIN EXCLUSIVE")
    cache = resting(tmp_path / "l.db")
    assert cache.digests(file).sha256 == sha256(b"one")
    cache.close()
    locked.close()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileUnusable):
        HashCache().digests(tmp_path / "pipe")
    with pytest.raises(FileUnusable):
        HashCache().digests(tmp_path / "nothing")


def test_a_file_that_never_rests_is_said(file, monkeypatch):
    def growing(path):
        with file.open("ab") as more:
            more.write(b"x")
        return facts_of(path)

    monkeypatch.setattr("atoll.client.hash_cache.facts_of", growing)
    with pytest.raises(FileChanging):
        HashCache().digests(file)


def test_threads_share_it(file, tmp_path):
    cache, found = resting(tmp_path / "h.db"), []
    files = [tmp_path / f"{number}.png" for number in range(50)]
    for one in files:
        one.write_bytes(one.name.encode())
    threads = [
        threading.Thread(target=lambda: found.extend(cache.digests(one).sha256 for one in files))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(sha256(one.name.encode()) for one in files for _ in threads)
    cache.close()
