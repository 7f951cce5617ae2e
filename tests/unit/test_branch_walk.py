"""The walk over branches: what of a walk that was broken off may be believed later, and what may not."""

from __future__ import annotations

import pytest

from atoll.cli.branch_walk import BranchNotes, walk, with_nodes
from atoll.client.proof_views import VerifiedBranch
from atoll.client.views import MemberView, SetView
from atoll.errors import Unavailable


def done(branch: str, *, complete: bool = True, name: str = "s1") -> VerifiedBranch:
    return VerifiedBranch(name, branch, 1, {"eu-1": 1}, complete)


@pytest.fixture
def notes(tmp_path):
    def open_notes(*, about="eu-1 us-1", resume=True, now=1000.0):
        path = tmp_path / "state" / "verify.jsonl"
        return BranchNotes(
            path, VerifiedBranch, about=about, most_seconds=100, resume=resume, now=lambda: now
        )

    return open_notes


def test_a_walk_that_was_broken_off_is_taken_up_with_the_time_it_began(notes):
    with notes() as first:
        first.add(done("00"))
    with notes(now=1050.0) as second:
        assert (second.done, second.begun) == ([done("00")], 1000.0)
        second.add(done("01"))
    with notes(now=1060.0) as third:
        assert third.done == [done("00"), done("01")]


@pytest.mark.parametrize(
    "later", [{"now": 1100.0}, {"now": 999.0}, {"about": "ap-1 eu-1 us-1"}, {"resume": False}]
)
def test_what_is_old_or_about_other_nodes_proves_nothing(notes, later):
    with notes() as first:
        first.add(done("00"))
    with notes(**later) as second:
        assert second.done == []
        assert second.begun == later.get("now", 1000.0)


def test_a_branch_that_was_not_complete_is_looked_at_again(notes):
    with notes() as first:
        first.add(done("00", complete=False))
        first.add(done("01"))
    with notes() as second:
        assert second.done == [done("01")]


def test_a_line_that_was_cut_off_costs_only_itself(notes, tmp_path):
    with notes() as first:
        first.add(done("00"))
    with (tmp_path / "state" / "verify.jsonl").open("ab") as file:
        file.write(b'{"set":"s1","bra')
    with notes() as second:
        second.add(done("01"))
    with notes() as third:
        assert third.done == [done("00"), done("01")]


def test_two_walks_at_once_count_a_branch_once(notes):
    with notes() as first:
        first.add(done("00"))
        first.add(done("00"))
    with notes() as second:
        assert second.done == [done("00")]


def test_notes_of_another_kind_are_no_notes(notes, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "verify.jsonl").write_bytes(b'{"set":"s1","branch":"00"}\n\xff\n')
    with notes() as found:
        assert found.done == []


async def test_an_error_ends_the_walk_and_keeps_what_was_done(notes):
    async def ask(name, branch):
        if branch == 2:
            raise Unavailable("off")
        return done(f"{branch:02x}", name=name)

    with notes() as kept, pytest.raises(Unavailable):
        await walk([("s1", n) for n in range(4)], ask, kept, what="verifying", parallel=1)
    with notes() as later:
        assert [branch.branch for branch in later.done] == ["00", "01"]


def test_a_set_without_nodes_is_named_and_holds_nothing_up(capsys):
    member = MemberView("eu-1", "eu", "http://eu-1", "healthy")
    assert with_nodes([SetView("s1", members=(member,)), SetView("old")]) == ["s1"]
    assert "set old has no nodes" in capsys.readouterr().err
