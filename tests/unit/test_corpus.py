"""The corpus of hostile pictures is what its page says, the same for the same seed, and writes itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter

import pytest
from corpus import page
from corpus.damage import bit_flips
from corpus.manifest import write
from corpus.registry import SEED, all_specimens
from corpus.specimen import VERDICTS
from import_graph import ROOT

SPECIMENS = all_specimens()
CHEAP = [one for one in SPECIMENS if one.family in {"polyglots", "wrong names", "dimension bombs"}]


def test_every_file_has_a_name_of_its_own_that_is_safe_on_any_disk():
    names = Counter(one.name for one in SPECIMENS)
    assert max(names.values()) == 1
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,79}", name) for name in names)


def test_every_file_says_what_it_attacks_and_what_is_expected():
    for one in SPECIMENS:
        assert one.attacks
        assert one.expected
        assert set(one.expected) <= set(VERDICTS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tiff", "avif", "heic", "bmp"])
def test_every_format_has_a_dimension_bomb(suffix):
    assert [one for one in SPECIMENS if one.family == "dimension bombs" and one.name.endswith(suffix)]


def test_the_same_seed_makes_the_same_files_and_another_one_turns_other_bits():
    first, again, other = ([one.make() for one in bit_flips(seed)] for seed in (SEED, SEED, SEED + 1))
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_the_manifest_tells_of_every_file_that_is_written(tmp_path):
    assert write(CHEAP, tmp_path) == len(CHEAP)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    assert {entry["name"] for entry in entries} == {one.name for one in CHEAP}
    for entry in entries:
        data = (tmp_path / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert entry["attacks"]


def test_the_page_has_a_row_for_every_file():
    shown = (ROOT / "docs" / "hostile-input.md").read_text(encoding="utf-8")
    missing = [row for row in page.rows_wanted(SPECIMENS) if f"| `{row}` |" not in shown]
    assert missing == [], "measure again: cd tests && ../.venv/bin/python -m corpus --measure"
