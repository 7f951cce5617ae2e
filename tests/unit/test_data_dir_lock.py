"""Two nodes never write to one data directory, and one that ended is in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from storage_node.data_dir_lock import lock_data_dir


def test_the_second_is_told_who_the_first_is_and_what_to_do(tmp_path):
    first = lock_data_dir(tmp_path)
    with pytest.raises(ValueError, match=f"in use by process {os.getpid()}, .* data directory of its own"):
        lock_data_dir(tmp_path, patience=0)
    os.close(first)
    os.close(lock_data_dir(tmp_path, patience=0))


def test_directories_are_locked_each_by_itself(tmp_path):
    (tmp_path / "other").mkdir()
    for held in [lock_data_dir(tmp_path), lock_data_dir(tmp_path / "other", patience=0)]:
        os.close(held)


def test_the_end_of_one_that_is_ending_is_waited_for(tmp_path):
    ending = threading.Timer(0.1, os.close, [lock_data_dir(tmp_path)])
    ending.start()
    os.close(lock_data_dir(tmp_path, patience=20))
    ending.join()


def test_a_child_does_not_keep_what_its_parent_let_go_of(tmp_path):
    held = lock_data_dir(tmp_path)
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child:
        assert child.stdout.readline() == b"here\n"  # before its exec is over it has what we have
        os.close(held)
        os.close(lock_data_dir(tmp_path, patience=0))
        child.communicate(b"\n")


def test_a_lock_file_that_says_nothing_is_no_obstacle(tmp_path):
    held = lock_data_dir(tmp_path)
    os.truncate(tmp_path / "lock", 0)  # as on a full disk
    with pytest.raises(ValueError, match="in use by another process"):
        lock_data_dir(tmp_path, patience=0)
    os.close(held)
