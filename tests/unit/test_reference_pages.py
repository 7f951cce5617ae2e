"""What docs/reference says is what the code makes of it now."""

from __future__ import annotations

import dataclasses
import re

import pytest
from making.__main__ import DOCS, PAGES
from making.settings_page import CLASSES, settings_page, unit

from atoll.settings import Bytes, setting

SETTINGS = settings_page()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_from_the_code_is_committed_as_the_code_makes_it(name):
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: make reference"


@pytest.mark.parametrize("name", CLASSES)
def test_every_setting_stands_once_among_all_daemons_or_in_its_own_part(name):
    shared, own = part("Every daemon"), part(f"`{name}`")
    found = re.findall(r"^\| `(\w+)` \|", (shared if name != "client" else "") + own, re.MULTILINE)
    assert sorted(found) == sorted(field.name for field in dataclasses.fields(CLASSES[name]))


def part(title):
    return re.split(r"^## ", SETTINGS.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_a_number_that_is_named_for_its_unit_is_shown_with_it():
    rows = re.findall(r"^\| `(\w+)` \| (.*?)(?:, .*?)? \|", SETTINGS, re.MULTILINE)
    named = {
        name: value for name, value in rows if name.endswith(("_seconds", "_days", "_hours", "_percent"))
    }
    assert len(named) > 50
    assert {name: value for name, value in named.items() if value != name.rpartition("_")[2]} == {}


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("repair_bytes_per_second", "bytes a second"),
        ("upload_idle_seconds", "seconds"),
        ("max_files", ""),
        ("lat", "degrees"),
    ],
)
def test_a_unit_follows_from_the_name(name, means):
    assert unit(name) == means


def test_a_page_says_default_range_and_needed(monkeypatch):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Planted:
        one: int = setting("One | two.", low=1, high=65_535)
        room: Bytes = setting("Room.", default=Bytes(2**20), low=1)
        wait_seconds: float = setting("Wait.", default=0.05, low=0)
        kind: str = setting("Kind.", default="a", choices=("a", "b"))

    monkeypatch.setitem(CLASSES, "client", Planted)
    page = settings_page()
    assert "| `one` | whole number, 1 to 65,535 | **needed** | One \\| two. |" in page
    assert "| `room` | size, from 1 | `1 MiB` | Room. |" in page
    assert "| `wait_seconds` | seconds, from 0 | `0.05` | Wait. |" in page
    assert "| `kind` | `a`, `b` | `a` | Kind. |" in page
