"""What pages, deploy files and modules name is there under that name: files, and figures of /metrics."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from import_graph import DAEMONS, ROOT
from metrics_page import PAGE

FOLDERS = ("docs", "deploy", "tests", "atoll", "benchmarks", *DAEMONS)
NAMED = re.compile(rf"(?<![\w/.:-])((?:{'|'.join(FOLDERS)})/[\w./*@-]*[\w*])")
MADE = {"docs/reference/http-api.html", "benchmarks/results/local"}  # by `make docs`, by `make bench`
NO_FILES = {"atoll/v1"}  # what signatures begin with
OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
NO_FIGURES = {"atoll_storage"}  # a module in docs/howto/django.md

THERE = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*")}


def is_there(name: str) -> bool:
    if "*" in name:
        return any(fnmatch.fnmatch(file, f"{name}*") for file in THERE)
    return any(
        file.startswith(name) for file in THERE
    )  # of f"…/atoll-{name}.json" only its beginning is read


def pages() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))


def others() -> Iterator[Path]:
    for path in sorted((ROOT / "deploy").rglob("*")):
        if path.is_file() and path.suffix not in {".lock", ".json"}:
            yield path
    for package in ("atoll", *DAEMONS):
        yield from sorted((ROOT / package).rglob("*.py"))


def missing_files(text: str) -> set[str]:
    named = set(NAMED.findall(text)) - MADE - NO_FILES
    return {name for name in named if not is_there(name.rstrip("."))}


def unknown_figures(text: str) -> set[str]:
    known = set(re.findall(r"(?m)^\| `(atoll_\w+)`", PAGE.read_text(encoding="utf-8")))
    named = set(re.findall(r"\batoll_[a-z0-9_]+", text)) - NO_FIGURES
    return {name for name in named if not {name, OF_A_HISTOGRAM.sub("", name)} & known}


def test_every_file_that_is_named_is_there() -> None:
    found = {path: missing_files(path.read_text(encoding="utf-8")) for path in (*pages(), *others())}
    assert {str(path): names for path, names in found.items() if names} == {}
    assert missing_files("see deploy/valkey/README.md and docs/keys.md") == {"deploy/valkey/README.md"}


def test_every_figure_that_a_page_names_is_on_the_page_of_figures() -> None:
    found = {path: unknown_figures(path.read_text(encoding="utf-8")) for path in pages()}
    assert {str(path): names for path, names in found.items() if names} == {}
    assert unknown_figures("`atoll_blobs` and `atoll_blobz`") == {"atoll_blobz"}
