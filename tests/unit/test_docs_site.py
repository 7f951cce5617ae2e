"""The documents are built without a warning; every link in what comes of them leads somewhere, and nothing is
loaded from elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from import_graph import ROOT

# The switches of `make docs`; a test below holds them against the Makefile.
SWITCHES = ("--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", "docs")


class Page(HTMLParser):
    """What a page leads to, what it loads, and what can be led to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.loads, self.ids = set[str](), set[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.ids |= {said[name] for name in ("id", "name") if name in said}
        self.loads |= {said[name] for name in ("src", "srcset", "data", "poster") if name in said}
        if "href" in said:
            (self.loads if tag == "link" else self.links).add(said["href"])


def leads_nowhere(site: Path, pages: dict[Path, Page]) -> list[str]:
    """Every link to a file or a place in it that is not there."""
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links | page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (place and target in pages and place not in pages[target].ids):
                wrong.append(f"{path.relative_to(site)}: {link}")
    return wrong


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("docs").resolve()
    argv = [sys.executable, "-m", "sphinx", *SWITCHES, "-d", str(folder / "trees"), ".", str(folder / "site")]
    built = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_page_is_built(site, pages):
    sources = [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "deploy" / "README.md"]
    assert {(site / source.relative_to(ROOT)).with_suffix(".html") for source in sources} <= pages.keys()


def test_every_link_leads_to_a_page_and_a_place_that_there_is(site, pages):
    assert leads_nowhere(site, pages) == []


def test_nothing_is_loaded_from_elsewhere(pages):
    loaded = set().union(*(page.loads for page in pages.values()))
    assert loaded
    assert [each for each in loaded if urlsplit(each).netloc] == []


def test_the_whole_interface_is_there_as_query_services_show_it(site):
    assert "<code>/v1/resolve</code>" in (site / "docs/reference/http-api.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", ["b.html", "a.html#nowhere", "#nowhere", "../a.html"])
def test_a_planted_link_to_nowhere_is_found(tmp_path, link):
    (tmp_path / "a.html").write_text(f'<h1 id="here"><a href="#here">A</a><a href="{link}">B</a></h1>')
    pages = {tmp_path / "a.html": Page((tmp_path / "a.html").read_text())}
    assert leads_nowhere(tmp_path, pages) == [f"a.html: {link}"]


def test_the_switches_are_those_of_make_docs():
    assert " ".join(SWITCHES) in (ROOT / "Makefile").read_text(encoding="utf-8")
