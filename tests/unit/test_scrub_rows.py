"""Which blobs are read next, and what counts as read: also after the clock was ahead."""

from __future__ import annotations

import pytest
from index_maker import START_MS, HandOrigin, opened, upload

from storage_node.index import Index
from storage_node.scrub_rows import Checked, Place, Standing, checked, longest_unread, place_of, standing

DAY = 86_400_000
WEEK = 7 * DAY


def filled(index: Index, *days: int) -> list[str]:
    """Blobs that were read so many days from now, before or after; their names."""
    hand, names = HandOrigin(), list[str]()
    for day in days:
        hand.now = START_MS + day * DAY
        names.append(upload(index, hand.origin, b"%d" % len(names)).blob.sha256)
    return names


def walked(index: Index, page: int) -> list[str]:
    """The names in the order of a walk, page by page."""
    found, behind = list[str](), Place()
    while rows := index.read(longest_unread(behind, START_MS - DAY, START_MS, page)):
        assert len(rows) <= page
        found += [held.blob.sha256 for held in rows]
        behind = place_of(rows[-1])
    return found


@pytest.mark.parametrize("page", [1, 2, 3, 32])
def test_what_was_checked_while_the_clock_was_ahead_is_read_again_behind_what_is_due(tmp_path, page):
    with opened(tmp_path) as index:
        ahead, due, fresh, longest, furthest, now = filled(index, 1, -3, -1, -5, 365, 0)
        assert walked(index, page) == [longest, due, ahead, furthest]
        assert not {fresh, now} & set(walked(index, page))


def test_it_is_left_and_overdue_until_it_was_read(tmp_path):
    with opened(tmp_path) as index:
        late, good, ahead = filled(index, -8, -2, 365)
        look = standing(START_MS - 4 * DAY, START_MS - WEEK, START_MS)
        assert index.read(look) == Standing(3, START_MS - 8 * DAY, left=2, overdue=2, undated=1)
        read = [
            Checked("photos", name, START_MS + day * DAY, START_MS)
            for name, day in ((late, -8), (ahead, 365))
        ]
        index.write(checked(read, START_MS)).result(20)
        assert index.read(look) == Standing(3, START_MS - 2 * DAY, left=0, overdue=0)
        assert index.blob("photos", ahead).verified_at == START_MS
        assert walked(index, 32) == [good]


def test_a_later_check_is_not_taken_back_by_one_that_is_written_down_late(tmp_path):
    with opened(tmp_path) as index:
        (name,) = filled(index, -1)
        index.write(checked([Checked("photos", name, START_MS - DAY, START_MS - 2 * DAY)], START_MS)).result(
            20
        )
        assert index.blob("photos", name).verified_at == START_MS - DAY


def test_without_any_check_that_can_be_believed_there_is_no_oldest(tmp_path):
    with opened(tmp_path) as index:
        filled(index, 3, 4)
        assert index.read(standing(0, START_MS - WEEK, START_MS)) == Standing(2, 0, 2, 2, 2)
