"""The journal: whole lines only, in order, of what was committed – and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.errors import NoSpace
from storage_node.journal import START, Journal, Position
from storage_node.journal_lines import Line, decode, encode

LINES = [Line(b"record", b'{"n":%d}' % number) for number in range(6)]


def said(journal: Journal, position: Position = START) -> list[Line]:
    return [line for line in journal.read(position) if line.kind != b"journal"]


def test_what_is_appended_is_read_again_from_any_position_and_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    middle = journal.append(LINES[:2])
    journal.append(LINES[2:4])
    assert said(journal) == LINES[:4]
    assert said(journal, middle) == LINES[2:4]
    journal.close()
    again = Journal(tmp_path / "journal", "n")
    assert again.has(middle)
    again.append(LINES[4:])
    assert said(again) == LINES
    assert said(again, middle) == LINES[2:]


def test_a_crash_leaves_zeros_and_what_was_written_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES)
    assert journal.path(1).read_bytes().endswith(b"\0")  # not closed
    assert said(Journal(tmp_path / "journal", "n")) == LINES


def test_a_torn_line_is_no_line_wherever_it_is_torn(tmp_path: Path) -> None:
    whole = encode(LINES)
    for cut in range(len(whole) + 1):
        (tmp_path / "journal").mkdir(exist_ok=True)
        (tmp_path / "journal/00000001.jsonl").write_bytes(whole[:cut] + bytes(50))
        found = said(Journal(tmp_path / "journal", "n"))
        assert found == LINES[: whole[:cut].count(b"\n")]


@pytest.mark.parametrize("place", range(len(encode(LINES[:1]))))
def test_a_changed_byte_makes_it_no_line(place: int) -> None:
    line = bytearray(encode(LINES[:1]))
    assert decode(bytes(line)) == LINES[0]
    line[place] ^= 1
    assert decode(bytes(line)) is None


def test_a_commit_that_failed_is_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES[:2])
    journal.append(LINES[2:4])
    journal.take_back()
    assert said(journal) == LINES[:2]
    journal.append(LINES[4:5])
    assert said(journal) == [*LINES[:2], LINES[4]]
    journal.close()
    assert said(Journal(tmp_path / "journal", "n")) == [*LINES[:2], LINES[4]]


def test_it_belongs_to_one_node(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES)
    journal.close()
    with pytest.raises(ValueError, match="belongs to node 'n'"):
        Journal(tmp_path / "journal", "m")


def test_old_segments_are_replaced_by_one_and_positions_behind_them_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    for line in LINES[:4]:
        journal.append([line])
    ended = journal.rotate()
    behind = journal.end
    journal.append(LINES[4:])
    journal.replace_up_to(ended, LINES[:1])
    assert said(journal) == [LINES[0], *LINES[4:]]
    assert journal.has(behind)
    assert said(journal, behind) == LINES[4:]
    assert not list((tmp_path / "journal").glob("*.new"))


def test_a_crash_between_rename_and_unlink_of_a_compaction_says_nothing_new(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    for line in LINES[:2]:
        journal.append([line])
        ended = journal.rotate()
    old = {path: path.read_bytes() for path in sorted((tmp_path / "journal").iterdir())}
    assert len(old) == 3
    journal.append(LINES[2:3])
    journal.replace_up_to(ended, LINES[:2])
    for path in list(old)[:2]:
        path.write_bytes(old[path])
    again = said(Journal(tmp_path / "journal", "n"))
    assert set(again) == set(LINES[:3])
    assert again[-1] == LINES[2]


def test_a_place_noted_before_the_journal_was_written_anew_is_gone_for_ever(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    noted = [journal.append([LINES[0]]) for _ in range(3)]
    for turn in range(4):
        if turn == 2:  # a restart changes nothing
            journal.close()
            journal = Journal(tmp_path / "journal", "n")
        ended = journal.rotate()
        behind = journal.end
        journal.replace_up_to(ended, LINES[:1] * 9)
        assert journal.has(behind)
        assert not [position for position in noted if journal.has(position)]
        noted += [behind, journal.append([LINES[1]])]


def test_a_start_between_the_end_of_a_segment_and_its_replacement_gives_no_number_twice(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES[:1])
    journal.rotate()
    behind = journal.end
    again = Journal(tmp_path / "journal", "n")  # what was noted at the end of the segment is there
    assert again.has(behind)
    again.append(LINES[1:2])
    assert said(again, behind) == LINES[1:2]
    last = again.end
    again.replace_up_to(again.rotate(), LINES[:2])
    assert not again.has(last)
    assert said(again) == LINES[:2]


def test_what_is_begun_anew_after_a_loss_has_later_numbers_than_what_was_lost(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    lost = [Position(1, 40), Position(2, 40), Position(6, 40), Position(7, 40)]
    journal.replace_up_to(journal.rotate(lost[-1]), LINES)
    journal.append(LINES)
    assert not [position for position in lost if journal.has(position)]


def test_a_place_in_the_middle_of_a_line_is_none(tmp_path: Path) -> None:
    """So it is where an earlier release wrote anew under a number in which places had been noted."""
    journal = Journal(tmp_path / "journal", "n")
    begun = journal.append(LINES[:1])
    end = journal.append(LINES[1:2])
    places = range(begun.offset, end.offset + 1)
    assert [at for at in places if journal.has(Position(1, at))] == [begun.offset, end.offset]


def test_a_segment_that_could_not_be_begun_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES[:1])
    with monkeypatch.context() as patch:
        patch.setattr("storage_node.journal.os.pwrite", _full)
        with pytest.raises(NoSpace):
            journal.rotate()
    journal.append(LINES[1:2])
    assert said(journal) == LINES[:2]
    assert [line.kind for line in journal.read(journal.end._replace(offset=0))] == [b"journal", b"record"]


def test_a_position_that_was_lost_is_noticed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "n")
    end = journal.append(LINES)
    journal.close()
    journal.path(1).write_bytes(journal.path(1).read_bytes()[:-1])
    assert not Journal(tmp_path / "journal", "n").has(end)
    journal.path(1).unlink()
    assert not Journal(tmp_path / "journal", "n").has(end)


def test_a_full_disk_is_an_error_of_ours_and_leaves_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES[:1])
    with monkeypatch.context() as patch:
        patch.setattr("storage_node.journal.os.fdatasync", _full)
        with pytest.raises(NoSpace):
            journal.append(LINES[1:2])
    journal.append(LINES[2:3])
    assert said(journal) == [LINES[0], LINES[2]]


def test_what_could_not_be_written_anew_leaves_the_old_lines_and_nothing_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", "n")
    journal.append(LINES[:2])
    ended = journal.rotate()
    before = sorted((tmp_path / "journal").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("storage_node.journal.os.fsync", _full)
        with pytest.raises(NoSpace):
            journal.replace_up_to(ended, LINES * 1000)
    assert sorted((tmp_path / "journal").iterdir()) == before
    assert said(journal) == LINES[:2]
    journal.replace_up_to(ended, LINES[:2])
    assert said(journal) == LINES[:2]


def test_what_a_crash_left_half_written_beside_the_segments_is_gone_after_a_start(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", "n").append(LINES[:1])
    (tmp_path / "journal/compact.new").write_bytes(b"half")
    again = Journal(tmp_path / "journal", "n")
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["00000001.jsonl"]
    assert said(again) == LINES[:1]


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
