"""The figures of many uploads: rates of equal portions, growth after the first fifth, the plot."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.course_plot import course_plot
from benchmarks.settled import lacking
from benchmarks.uploads_course import growth, rates


def test_rates_are_those_of_equal_portions():
    assert rates([0.5, 1.0, 2.0, 3.0], 0.0, 2) == [2.0, 1.0]


def test_growth_begins_after_the_first_fifth():
    assert growth([1.0] * 4 + [10.0] * 16) == pytest.approx(1.0)
    assert growth([10.0] * 10 + [20.0] * 10) == pytest.approx(2.0)
    assert growth([5.0]) == 1.0


def test_the_plot_names_each_course():
    plot = ElementTree.fromstring(course_plot({"rate & more": [1.0, 2.0], "none": []}, "about"))
    texts = [each.text for each in plot.iter("{http://www.w3.org/2000/svg}text")]
    assert {"about", "rate & more", "none"} <= set(texts)


def test_missing_copies_are_counted_by_what_each_node_says_it_holds():
    metrics = "\n".join(
        (
            "# TYPE atoll_node_blobs gauge",
            'atoll_node_blobs{node="a",region="eu"} 10.0',
            'atoll_node_blobs{node="b",region="us"} 7.0',
            'atoll_node_wanted_blobs{node="b",region="us"} 1.0',
        )
    )
    assert lacking(metrics, ["a", "b"], 10) == 3
    assert lacking(metrics, ["a", "b", "silent"], 10) == 13
    assert lacking(metrics, ["a"], 9) == 0
