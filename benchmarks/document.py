"""docs/performance.md and its plots, from the latest results and the template. Pure, but for `write`.

Each registered benchmark has its rows here, measured or not; a test holds the page against the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from benchmarks.plots import distribution_plot, marks_plot
from benchmarks.registry import BENCHMARKS
from benchmarks.report import Entries, Entry, processes
from benchmarks.result import Mark
from benchmarks.scale.plot import growth_plot

TEMPLATE = Path(__file__).parent / "performance.template.md"
PAGE = "performance.md"


def write(entries: Entries, docs: Path) -> Path:
    """Put page and plots into `docs`; the page's path."""
    for name, text in documents(entries).items():
        (docs / name).write_text(text, encoding="utf-8")
    return docs / PAGE


def documents(entries: Entries) -> dict[str, str]:
    """The files by name."""
    return {
        PAGE: _page(entries),
        "performance-marks.svg": marks_plot(_all_marks(entries)),
        "performance-lag.svg": _lag_plot(entries.get("lag")),
        **{
            f"performance-{name}.svg": growth_plot(entries[name].result.growths if name in entries else ())
            for name in ("scale", "catalog")
        },
    }


def _lag_plot(entry: Entry | None) -> str:
    if entry is None:
        return distribution_plot((), {})
    bounds = {mark.name: mark.bound for mark in entry.result.marks}
    wanted = {percent: bounds[f"lag p{percent}"] for percent in (50, 99) if f"lag p{percent}" in bounds}
    return distribution_plot(entry.result.distributions, wanted)


def _page(entries: Entries) -> str:
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        marks=_marks(entries), machines=_machines(entries), benchmarks=_benchmarks(entries)
    )


def _marks(entries: Entries) -> str:
    lines = ["| what | against | measured | wanted | | what limits it |", "|---|---|---|---|---|---|"]
    for name, benchmark in BENCHMARKS.items():
        if name not in entries:
            lines.append(f"| {benchmark.about} | {benchmark.peer} | not yet | | | {benchmark.limits} |")
            continue
        result = entries[name].result
        for number, mark in enumerate(result.marks):
            verdict = "met" if mark.passed else "**missed**"
            limits = "as above" if number else benchmark.limits
            lines.append(
                f"| {result.title}: {mark.name} | {benchmark.peer} | {mark.measured} | {mark.wanted}"
                f" | {verdict} | {limits} |"
            )
        lines += [f"| {result.title} | {gone.peer} | absent | {gone.why} | | |" for gone in result.absent]
    return "\n".join(lines)


def _all_marks(entries: Entries) -> dict[str, Mark]:
    return {
        f"{entries[name].result.title}: {mark.name}": mark
        for name in BENCHMARKS
        if name in entries
        for mark in entries[name].result.marks
    }


def _machines(entries: Entries) -> str:
    """One list for each machine, with what was measured there."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in BENCHMARKS:
        if name in entries:
            found.setdefault(tuple(entries[name].machine.items()), []).append(name)
    parts = []
    for facts, names in found.items():
        listed = ", ".join(f"`{name}` ({entries[name].at})" for name in names)
        parts.append("\n".join([f"{listed}:", "", *(f"- {what}: {value}" for what, value in facts)]))
    return "\n\n".join(parts) or "Nothing was measured yet."


def _benchmarks(entries: Entries) -> str:
    return "\n".join(_benchmark(name, entries.get(name)) for name in BENCHMARKS)


def _benchmark(name: str, entry: Entry | None) -> str:
    about = BENCHMARKS[name].about
    if entry is None:
        return f"### {name}\n\n{about[0].upper()}{about[1:]}. Not measured yet.\n"
    lines = [
        f"### {entry.result.title}",
        "",
        *(f"- {note}" for note in (*entry.result.notes, *processes(entry.result))),
    ]
    lines += ["", "| what | measured |", "|---|---|"]
    lines += [f"| {series.name} | {series.text} |" for series in entry.result.series]
    return "\n".join([*lines, ""])


def differences(entries: Entries, docs: Path) -> Mapping[str, str]:
    """The files in `docs` that are not what `entries` make, with what they should be."""
    return {
        name: text
        for name, text in documents(entries).items()
        if not (docs / name).exists() or (docs / name).read_text(encoding="utf-8") != text
    }
