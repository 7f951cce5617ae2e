"""Exponents are fitted right, and docs/scale.md says what was measured and simulated."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from import_graph import ROOT

from benchmarks import report
from benchmarks.scale.exponents import MOST_EXPONENT, result_of
from benchmarks.scale.growth import growth
from benchmarks.scale.plot import growth_plot
from benchmarks.simulation.__main__ import load
from benchmarks.simulation.lines import lines_plot
from benchmarks.simulation.page import documents

DOCS, RESULTS = ROOT / "docs", ROOT / "benchmarks" / "results"
SIZES = (10, 100, 1000)


def test_a_power_of_the_size_is_found_with_its_exponent():
    for exponent in (0.0, 0.5, 1.0, 2.0):
        line = growth("x", "blobs", {size: [3e-6 * size**exponent] for size in SIZES}).line
        assert line.exponent == pytest.approx(exponent, abs=1e-4)
        assert line.error == pytest.approx(0.0, abs=1e-3)
        assert line.at(100) == pytest.approx(3 * 100**exponent, rel=1e-3)


def test_the_error_of_an_exponent_by_hand():
    """Logarithms 0, 2 at size 1 and 1, 3 at size 10: slope 1, four residuals of 1, a spread of 1."""
    line = growth("x", "blobs", {1: [1e-6, 100e-6], 10: [10e-6, 1000e-6]}).line
    assert line.exponent == pytest.approx(1.0)
    assert line.error == pytest.approx(2**0.5)  # the square root of 4 / (4 - 2) over 1


def test_what_may_grow_has_no_mark_and_what_must_not_is_held_to_one():
    flat = growth("flat", "nodes", {size: [1e-6] for size in SIZES})
    steep = growth("steep", "nodes", {size: [size * 1e-6] for size in SIZES})
    known = growth("known", "nodes", {size: [size * 1e-6] for size in SIZES}, flat=False)
    marks = result_of("a title", [flat, steep, known]).marks
    assert {mark.name: mark.passed for mark in marks} == {
        "exponent of flat": True,
        "exponent of steep": False,
    }
    assert {mark.bound for mark in marks} == {MOST_EXPONENT}


def test_plots_are_drawn_and_carry_their_names():
    svg = growth_plot([growth("a < b", "nodes", {size: [size * 1e-6] for size in SIZES})])
    ElementTree.fromstring(svg)
    assert "a &lt; b" in svg
    assert "exponent 1.00" in svg
    ElementTree.fromstring(growth_plot([]))
    lines = lines_plot({"x & y": [(0.0, 0.0), (2.0, 1.0)], "z": [(0.0, 1.0), (2.0, 1.0)]}, "about", "days")
    ElementTree.fromstring(lines)
    heights = [float(y) for y in re.findall(r'<text x="666.0" y="([\d.]+)"', lines)]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 14  # two names at one place do not cover each other


def test_page_and_plots_are_what_the_committed_results_make():
    entries = report.load(RESULTS)
    made = documents(load(), entries)
    different = [name for name, text in made.items() if (DOCS / name).read_text(encoding="utf-8") != text]
    assert different == [], "make them anew: .venv/bin/python -m benchmarks.simulation --document"
