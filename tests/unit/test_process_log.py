"""The log of a supervised process: bounded, private, quotable."""

from __future__ import annotations

import os

from atoll.local.process_log import last_lines, open_log


def write(path, text, **bounds):
    fd = open_log(path, **bounds)
    os.write(fd, text.encode())
    os.close(fd)


def test_a_log_is_continued_by_the_next_start(tmp_path):
    path = tmp_path / "logs" / "x.log"
    write(path, "one\n")
    write(path, "two\n")
    assert path.read_text() == "one\ntwo\n"
    assert path.stat().st_mode & 0o077 == 0


def test_a_log_beyond_its_bound_makes_room_and_only_one_older_one_is_kept(tmp_path):
    path = tmp_path / "x.log"
    for text in ("first", "second", "third"):
        write(path, text, max_bytes=3)
    assert path.read_text() == "third"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.log", "x.log.1"]
    assert (tmp_path / "x.log.1").read_text() == "second"


def test_the_last_lines_are_quoted_even_if_they_are_not_text(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"line\n" * 10_000 + b"last \xff\n")
    lines = last_lines(path, 3).splitlines()
    assert lines == ["line", "line", "last \N{REPLACEMENT CHARACTER}"]


def test_a_missing_log_is_no_error_of_its_own(tmp_path):
    assert last_lines(tmp_path / "none.log") == ""
