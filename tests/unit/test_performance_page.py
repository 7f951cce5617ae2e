"""docs/performance.md says what the committed results say, of every benchmark."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from import_graph import ROOT

from benchmarks import document, report
from benchmarks.plots import distribution_plot, marks_plot
from benchmarks.registry import BENCHMARKS
from benchmarks.result import Distribution, Mark, Result, Series

DOCS, RESULTS = ROOT / "docs", ROOT / "benchmarks" / "results"


def entry(*marks, distributions=()):
    result = Result("A title", (Series("what", "/s", (1.0, 2.0)),), marks, ("a note",), distributions)
    return report.Entry(result, {"processor": "p"}, "now")


def test_page_and_plots_are_what_the_committed_results_make():
    different = document.differences(report.load(RESULTS), DOCS)
    assert list(different) == [], "make them anew: .venv/bin/python -m benchmarks --document"


def test_the_markdown_beside_the_results_is_what_they_make():
    assert (RESULTS / "latest.md").read_text(encoding="utf-8") == report.markdown(report.load(RESULTS))


def test_every_registered_benchmark_was_measured_and_has_a_row_for_each_mark():
    entries = report.load(RESULTS)
    assert entries.keys() == BENCHMARKS.keys()
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    for name in BENCHMARKS:
        result = entries[name].result
        assert result.marks, name
        for mark in result.marks:
            assert f"| {result.title}: {mark.name} | {BENCHMARKS[name].peer} |" in page


def test_one_that_was_not_measured_has_a_row_that_says_so():
    page = document.documents({})["performance.md"]
    rows = [line for line in page.splitlines() if "| not yet |" in line]
    assert len(rows) == len(BENCHMARKS)


def test_a_missed_mark_is_called_missed_with_its_spread():
    name = next(iter(BENCHMARKS))
    page = document.documents({name: entry(Mark("ratio", 0.2, 0.3, values=(0.1, 0.2, 0.4)))})[
        "performance.md"
    ]
    (row,) = [line for line in page.splitlines() if line.startswith("| A title: ratio |")]
    assert "0.20 (0.10 to 0.40)" in row
    assert "≥ 0.30" in row
    assert "**missed**" in row


@pytest.mark.parametrize(
    ("mark", "score"),
    [
        (Mark("ratio", 0.6, 0.3), "2.00"),
        (Mark("lag", 100.0, 50.0, "ms", at_most=True), "0.50 (missed)"),
        (Mark("ratio", 60.0, 0.3), "200"),
    ],
)
def test_a_bar_says_how_far_its_mark_is_met(mark, score):
    svg = marks_plot({"a < b": mark})
    ElementTree.fromstring(svg)
    assert f">{score}</text>" in svg


def test_a_mark_of_nothing_has_no_bar():
    assert "lost" not in marks_plot({"lost": Mark("lost", 0.0, 0.0, at_most=True)})


def test_curves_stay_within_the_plot_and_carry_their_names():
    curve = Distribution.of("to durable & back", "ms", [0.0, 3.0, 7.5, 20.0, 800.0])
    svg = distribution_plot((curve,), {50: 10.0})
    ElementTree.fromstring(svg)
    assert "to durable &amp; back" in svg
    assert "wanted: 50 % in 10 ms" in svg
    (points,) = re.findall(r'points="([^"]*)"', svg)
    xs = [float(point.split(",")[0]) for point in points.split()]
    assert xs == sorted(xs)
    assert 60 <= xs[0] <= xs[-1] <= 620


def test_percentiles_are_values_that_were_measured():
    found = Distribution.of("x", "ms", [float(n) for n in range(1000, 0, -1)]).percentiles
    assert (found[0], found[50], found[99], found[100]) == (1.0, 500.0, 990.0, 1000.0)
