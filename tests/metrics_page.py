"""docs/metrics.md as a table, and a scrape as one, so that a test can hold them against each other.

python tests/metrics_page.py < scrape        prints the lines of a table, to begin with
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from import_graph import ROOT
from prometheus_client.parser import text_string_to_metric_families

PAGE = ROOT / "docs" / "metrics.md"
DAEMONS = ("storage_node", "replicator", "query_service", "monitor")
# What Prometheus' own client says of any process in any language.
STANDARD = re.compile(r"process_\w+")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$")


class Row(NamedTuple):
    """One metric. `labels`: in the order of the alphabet; None in a scrape without samples."""

    kind: str
    labels: tuple[str, ...] | None
    means: str


def documented() -> dict[str, dict[str, Row]]:
    """By daemon, by name."""
    found: dict[str, dict[str, Row]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = found.setdefault(line[3:].strip("`"), {})
        elif row := _ROW.match(line):
            name, kind, labels, means = row.groups()
            section[name] = Row(kind, tuple(re.findall(r"`(\w+)`", labels)), means)
    return {daemon: found.get(daemon, {}) for daemon in DAEMONS}


def scraped(text: str) -> dict[str, Row]:
    """What a daemon says at /metrics, but for what any process says."""
    rows = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if STANDARD.fullmatch(name) or name.endswith("_created"):
            continue
        seen = [tuple(sorted(sample.labels.keys() - {"le"})) for sample in family.samples]
        rows[name] = Row(family.type, seen[0] if seen else None, family.documentation)
    return rows


def line(name: str, row: Row) -> str:
    """A row as the page has it."""
    labels = ", ".join(f"`{label}`" for label in row.labels or ())
    return f"| `{name}` | {row.kind} | {labels} | {row.means} |"


if __name__ == "__main__":
    for each in sorted(scraped(sys.stdin.read()).items()):
        sys.stdout.write(line(*each) + "\n")
