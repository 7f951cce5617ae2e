"""Tests in several processes: what shares something is together, and the longest is first."""

from __future__ import annotations

from pathlib import Path

from file_order import LONGEST, REAL_CLUSTER, SHARING, longest_first, unit_of

ROOT = Path(__file__).parents[2]
CLI, WORDS = "tests/integration/test_cli.py", "tests/integration/test_words.py"


def test_every_file_that_is_named_is_there() -> None:
    named = [*sum(SHARING.values(), ()), *(unit for unit in LONGEST if unit not in SHARING)]
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_a_file_is_a_unit_and_so_are_files_that_share_something() -> None:
    assert unit_of("tests/unit/test_x.py::test_a[b::c]") == "tests/unit/test_x.py"
    assert unit_of(f"{CLI}::test_a") == unit_of(f"{WORDS}::test_b") == REAL_CLUSTER


def test_the_longest_come_first_and_the_rest_as_it_was() -> None:
    short, long = "tests/unit/test_x.py::test_a", f"{LONGEST[0]}::test_b"
    others = [f"{CLI}::test_c", short, f"{WORDS}::test_d", "tests/unit/test_y.py::test_e", long]
    ordered = longest_first(others, str)
    assert ordered == [long, f"{CLI}::test_c", f"{WORDS}::test_d", short, "tests/unit/test_y.py::test_e"]
