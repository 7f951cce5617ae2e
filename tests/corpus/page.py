"""docs/hostile-input.md: what every file of the corpus does to a worker, as measured. Made by `--measure`.

Damaged files, of which there are hundreds, share a row for each picture they were made of.
"""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import PIL

from corpus.judge import Cost, Judged
from corpus.specimen import Specimen

_TEMPLATE = Path(__file__).with_name("page.template.md")
_DAMAGE = re.compile(r"(?:flipped-\d+|\d-tenths-of)-(.*)")
_HEAD = """\
| file | KB | verdict | checking: CPU ms | peak MB | rendering: CPU ms | peak MB |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A file and what became of it."""

    specimen: Specimen
    size: int
    found: Judged


def rows_wanted(specimens: Iterable[Specimen]) -> list[str]:
    """The first cell of every row that the page has."""
    return list(dict.fromkeys(_row_of(one) for one in specimens))


def made(measured: Sequence[Measured]) -> str:
    """The whole page."""
    families: dict[str, list[Measured]] = {}
    for one in measured:
        families.setdefault(one.specimen.family, []).append(one)
    facts = {
        "machine": _machine(),
        "files": f"{len(measured)}",
        "worst": _worst(measured),
        "tables": "\n\n".join(_table(family, members) for family, members in families.items()),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _row_of(specimen: Specimen) -> str:
    damaged = _DAMAGE.fullmatch(specimen.name)
    if damaged is None:
        return specimen.name
    return f"{damaged[1]}, bits turned" if specimen.family == "bit flips" else f"{damaged[1]}, cut off"


def _table(family: str, measured: Sequence[Measured]) -> str:
    attacks = "; ".join(dict.fromkeys(one.specimen.attacks for one in measured))
    rows: dict[str, list[Measured]] = {}
    for one in measured:
        rows.setdefault(_row_of(one.specimen), []).append(one)
    lines = [f"## {family.capitalize()}", "", f"Attacks {attacks}.", "", _HEAD]
    return "\n".join([*lines, *(_row(name, row) for name, row in rows.items())])


def _row(name: str, row: Sequence[Measured]) -> str:
    size = max(one.size for one in row)
    return f"| `{name}` | {size / 1024:,.1f} | {_verdicts(row)} | {' | '.join(_figures(row))} |"


def _verdicts(row: Sequence[Measured]) -> str:
    words = Counter(_verdict(one.found) for one in row)
    return ", ".join(word if len(row) == 1 else f"{count} × {word}" for word, count in sorted(words.items()))


def _verdict(found: Judged) -> str:
    other = {reason for reason, _ in found.rendered} - {"accepted"}
    said = found.verdict if found.reason in {"", found.verdict} else f"{found.verdict}: {found.reason}"
    return f"{said} (rendering: {', '.join(sorted(other))})" if other else said


def _figures(row: Sequence[Measured]) -> Iterator[str]:
    """The worst of each."""
    checked = [one.found.cost for one in row]
    yield f"{1000 * max(cost.cpu_seconds for cost in checked):.0f}"
    yield f"{max(cost.peak_bytes for cost in checked) / 1e6:.0f}"
    rendered = [cost for one in row for _, cost in one.found.rendered]
    yield f"{1000 * max(cost.cpu_seconds for cost in rendered):.0f}" if rendered else ""
    yield f"{max(cost.peak_bytes for cost in rendered) / 1e6:.0f}" if rendered else ""


def _worst(measured: Sequence[Measured]) -> str:
    """The sentence that sums up."""
    costs = [cost for one in measured for cost in one.found.costs]
    refused = [one.found.cost for one in measured if not one.found.rendered]
    return f"no single job took more than {_most(costs)}; no refusal took more than {_most(refused)}"


def _most(costs: Sequence[Cost]) -> str:
    seconds, peak = max(cost.cpu_seconds for cost in costs), max(cost.peak_bytes for cost in costs)
    return f"{seconds:.2f} s of CPU or {peak / 1e6:.0f} MB"


def _machine() -> str:
    today = datetime.now(tz=UTC).date().isoformat()
    cores = os.cpu_count()
    return f"{today}, {platform.system()} {platform.machine()}, {cores} cores, Pillow {PIL.__version__}"
