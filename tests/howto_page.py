"""A page of docs/howto as something that runs: its files are written, what it types is typed, in order.

Used by the unit test that every block is run or says why not, and by the test that runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from import_graph import ROOT

HOWTO = ROOT / "docs" / "howto"
NOT_RUN = "*Not run by our tests: "
TRIED_ON = "http://127.0.0.1:8400"  # the query service that the pages are written for
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^(?:#|//|<!--) file: (\S+)")
_SERVER = re.compile(r"^.*[: ](\d{4,5})\b.* &$", re.MULTILINE)
_PRELUDE = """
set -euo pipefail
trap 'status=$?; kill $(jobs -p) 2> /dev/null || true; wait; exit $status' EXIT
listens() { until (exec 3<> /dev/tcp/127.0.0.1/$1) 2> /dev/null; do ((SECONDS < 60)); sleep 0.05; done; }
"""


class Block(NamedTuple):
    """`file`: its name, from its first line. `not_run`: why it is not run, from the paragraph before it."""

    language: str
    text: str
    file: str | None
    not_run: str | None

    @property
    def runs(self) -> bool:
        """Typed, or written for what is typed."""
        return self.not_run is None and (self.file is not None or self.language == "sh")


def pages() -> list[Path]:
    """All of them, those of operators last: they change the cluster."""
    operators = ["rotate-keys.md", "add-a-region.md", "replace-a-disk.md"]
    found = sorted(path for path in HOWTO.glob("*.md") if path.name != "README.md")
    return sorted(found, key=lambda path: operators.index(path.name) + 1 if path.name in operators else 0)


def blocks(page: str) -> Iterator[Block]:
    """Its blocks of code."""
    for found in _BLOCK.finditer(page):
        before = page[: found.start()].rstrip().rpartition("\n\n")[2]
        not_run = before if before.startswith(NOT_RUN) and before.endswith("*") else None
        file = _FILE.match(found[2])
        yield Block(found[1], found[2], file and file[1], not_run)


def write_files(page: str, folder: Path) -> None:
    """What it calls files."""
    for block in blocks(page):
        if block.runs and block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")


def script(page: str) -> str:
    """What it types, as it stands there; only where a server is started with `&`, it is waited for."""
    typed = (block.text for block in blocks(page) if block.runs and not block.file)
    return _PRELUDE + _SERVER.sub(r"\g<0>\nlistens \1", "".join(typed))
