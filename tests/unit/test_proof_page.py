"""The page of proof: never a better word than what was found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from atoll.cli.proof_page import SHOWN, Proof, page_of
from atoll.client.proof_views import Problem, VerifiedBranch

BEGUN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REGIONS = {"eu-1": "eu", "us-1": "us"}
COPIES = {"eu-1": 2, "us-1": 2}


def branch(*problems: Problem, copies=None, images=2, **facts) -> VerifiedBranch:
    given = {"complete": not problems, "problem_count": len(problems), "problems": problems, **facts}
    return VerifiedBranch("s1", "00", images, copies or COPIES, **given)


def proof(*branches: VerifiedBranch, deep=False) -> Proof:
    return Proof.of(branches, REGIONS, deep=deep, begun=BEGUN)


def missing(node="us-1", sha256="ab" * 32) -> Problem:
    return Problem(node, "missing", "photos", sha256)


def test_all_on_every_node_is_complete_and_says_since_when_it_was_looked_at():
    made = proof(branch(), branch())
    page = page_of(made)
    assert made.complete
    assert "Result: COMPLETE. Every node" in page
    assert "looked at from 2026-01-02 03:04:05 to " in page
    assert "Set s1: 4 images" in page
    assert "bytes were not read" in page


@pytest.mark.parametrize(
    "branches",
    [
        (),
        (branch(missing()),),
        (branch(complete=False),),
        (branch(more=True),),
        (branch(), branch(unasked={"us-1": "off"}, complete=False)),
    ],
    ids=["nothing looked at", "a problem", "not complete by itself", "uncounted problems", "a node unasked"],
)
def test_anything_else_is_not_complete(branches):
    made = proof(*branches)
    assert not made.complete
    assert made.document()["complete"] is False
    assert "NOT COMPLETE" in page_of(made)


def test_a_node_that_was_never_asked_stands_in_the_table():
    page = page_of(proof(branch(copies={"eu-1": 2}, unasked={"us-1": "It is off."}, complete=False)))
    assert "us-1 could not be asked (It is off.)" in page
    (row,) = (line for line in page.splitlines() if line.startswith("  us-1"))
    assert row.split()[1:] == ["us", "0", *["could", "not", "be", "asked", "about", "everything"]]


def test_what_was_on_its_way_is_not_lacking_and_what_nobody_holds_is():
    on_its_way = page_of(proof(branch(copies={"eu-1": 2, "us-1": 1})))
    assert "COMPLETE." in on_its_way
    assert [line.split()[-1] for line in on_its_way.splitlines() if line.startswith("  us-1")] == ["-"]
    lost = page_of(proof(branch(missing("eu-1"), missing("us-1"))))
    assert [line.split()[-1] for line in lost.splitlines() if line.startswith("  us-1  ")] == ["1"]


def test_more_problems_than_were_told_are_at_least_so_many():
    page = page_of(proof(branch(missing(), more=True)))
    assert "at least 1 copies or records" in page
    assert "at least 1\n" in page


def test_many_problems_are_counted_on_and_a_hostile_name_moves_no_cursor():
    many = [missing(sha256=f"{n:064x}") for n in range(SHOWN + 5)]
    page = page_of(proof(branch(Problem("us-1\x1b[2J", "record missing", asset_id="a" * 26), *many)))
    assert "… and 6 more" in page
    assert "\x1b" not in page


def test_a_deep_proof_says_what_was_read():
    assert "read and hashed its copies now: 4 copies" in page_of(
        proof(branch(reread=4, bytes_reread=40), deep=True)
    )
