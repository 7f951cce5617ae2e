"""A proof holds for the file that was read, and not for long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage_node.proven_copies import SECONDS, ProvenCopies, look_at
from storage_node.store import BlobKey

KEY = BlobKey("photos", "a" * 64, "jpg")


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_copy_is_proven_for_some_seconds(tmp_path: Path) -> None:
    file, clock = tmp_path / "a.jpg", Clock()
    file.write_bytes(b"right")
    copies = ProvenCopies(clock)
    assert not copies.knows(KEY, look_at(file))
    copies.note(KEY, look_at(file))
    assert copies.knows(KEY, look_at(file))
    assert not copies.knows(KEY._replace(sha256="b" * 64), look_at(file))
    clock.now += SECONDS
    assert not copies.knows(KEY, look_at(file))


def test_a_file_that_was_touched_is_read_again(tmp_path: Path) -> None:
    file, copies = tmp_path / "a.jpg", ProvenCopies(Clock())
    file.write_bytes(b"right")
    copies.note(KEY, look_at(file))
    file.write_bytes(b"wrong!")
    assert not copies.knows(KEY, look_at(file))
    copies.note(KEY, look_at(file))
    other = tmp_path / "b.jpg"
    other.write_bytes(b"wrong!")
    other.replace(file)
    assert not copies.knows(KEY, look_at(file))


def test_a_file_that_is_not_there_is_never_proven(tmp_path: Path) -> None:
    copies = ProvenCopies(Clock())
    missing = look_at(tmp_path / "a.jpg")
    assert missing is None
    copies.note(KEY, missing)
    assert not copies.knows(KEY, missing)


def test_so_many_proofs_are_remembered_and_no_more(tmp_path: Path) -> None:
    file, copies = tmp_path / "a.jpg", ProvenCopies(Clock())
    file.write_bytes(b"right")
    keys = [KEY._replace(sha256=f"{number:064x}") for number in range(1025)]
    for key in keys:
        copies.note(key, look_at(file))
    assert not copies.knows(keys[0], look_at(file))
    assert copies.knows(keys[1], look_at(file))
