"""docs/scale.md and its plots, from results/simulation.json, the latest growths and the template. Pure, but
for `write`; a test holds the page against the results."""

from __future__ import annotations

from pathlib import Path
from string import Template

from benchmarks.report import Entries, Entry
from benchmarks.simulation.figures import PUBLISHED_RTT_MS, fitted_round_trip
from benchmarks.simulation.lines import lines_plot
from benchmarks.simulation.outcome import Balance, Outcome
from benchmarks.simulation.reads import Reads

TEMPLATE = Path(__file__).parent / "scale.template.md"
PAGE = "scale.md"
_TB = 1e12


def documents(outcome: Outcome, entries: Entries) -> dict[str, str]:
    """The files by name. `entries`: the benchmarks', of which `scale` and `catalog` are shown."""
    course = {
        f"{name}: {which}": [(day, each[place]) for day, each in zip(b.days, b.course, strict=True)]
        for name, b in (("even", outcome.even), ("uneven", outcome.uneven))
        for place, which in ((2, "fullest node"), (0, "emptiest node"))
    }
    missing = list(zip(outcome.loss.hours, outcome.loss.missing, strict=True))
    return {
        PAGE: Template(TEMPLATE.read_text(encoding="utf-8")).substitute(_words(outcome, entries)),
        "scale-balance.svg": lines_plot(course, "How full nodes are", "days"),
        "scale-refill.svg": lines_plot(
            {"default settings": missing}, "Copies still missing after a region was lost", "hours"
        ),
    }


def write(outcome: Outcome, entries: Entries, docs: Path) -> Path:
    """Put them into `docs`; the page's path."""
    for name, text in documents(outcome, entries).items():
        (docs / name).write_text(text, encoding="utf-8")
    return docs / PAGE


def _words(outcome: Outcome, entries: Entries) -> dict[str, str]:
    loss, cost, trip = outcome.loss, outcome.cost, fitted_round_trip()
    return {
        "growths": _growths(entries.get("scale")),
        "catalog": _growths(entries.get("catalog")),
        "images": f"{outcome.uploaded:,}",
        "nodes": f"{outcome.plan.nodes_each * 30}",
        "balance": _balance({"even": outcome.even, "uneven": outcome.uneven}),
        "region": loss.region,
        "lost": f"{loss.nodes} nodes, {loss.copies:,} copies, {loss.bytes / _TB:.1f} TB",
        "reads": _reads({"before": loss.before, "while it is away": loss.during, "after": loss.after}),
        "refilled": "\n".join(
            f"| {r.parallel} | {r.most} | {r.half_hours:.1f} | {r.most_hours:.1f} | {r.all_hours:.1f}"
            f" | {r.narrow:.5f} |"
            for r in loss.refilled
        ),
        "replicated": f"{outcome.replicated / _TB:,.0f}",
        "per_image": f"{outcome.replicated / outcome.uploaded / 1000:,.0f}",
        "repaired": f"{outcome.repaired / _TB:,.1f}",
        "pairs": "\n".join(f"| {a} | {b} | {moved / _TB:.1f} |" for a, b, moved in outcome.largest_pairs),
        "fast": f"{cost.fast_month:,.2f}",
        "slow": f"{cost.slow_month:,.2f}",
        "spread": f"{cost.spread_once:,.2f}",
        "read": f"{cost.read_once:,.2f}",
        "published": f"{len(PUBLISHED_RTT_MS)}",
        "line": f"{trip.base_ms:.1f} ms + {trip.ms_per_km * 1000:.1f} ms per 1,000 km",
        "line_error": f"{trip.error_ms:.0f}",
        "seed": f"{outcome.plan.seed}",
    }


def _growths(entry: Entry | None) -> str:
    rows = [
        f"| {g.name} | {g.sizes[0]:,} to {g.sizes[-1]:,} {g.of} | {g.medians[0]:,.0f} | {g.medians[-1]:,.0f}"
        f" | {g.line.exponent:.2f} ± {g.line.error:.2f} |"
        for g in (entry.result.growths if entry else ())
    ]
    return "\n".join(rows) or "| not measured yet | | | | |"


def _balance(found: dict[str, Balance]) -> str:
    return "\n".join(
        f"| {name} | {b.least:.0%} | {b.mean:.0%} | {b.most:.0%} | {b.deviation:.1%} | {b.far:.1%}"
        f" | {b.refused:,} | {b.upload_p50_ms:.0f} | {b.upload_p99_ms:.0f} |"
        for name, b in found.items()
    )


def _reads(found: dict[str, Reads]) -> str:
    return "\n".join(
        f"| {name} | {r.p50_ms:.0f} | {r.p90_ms:.0f} | {r.p99_ms:.0f} | {r.within_1500_km:.1%}"
        f" | {r.unanswered:.2%} |"
        for name, r in found.items()
    )
