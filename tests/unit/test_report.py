"""The report: one page that loads nothing and lets nothing through, drawings of what they were given."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from import_graph import ROOT
from msgspec.structs import replace
from PIL import Image
from report_maker import DAY, GIB, NOW, curve, flights, forecast, node, path, rich_facts

from atoll.cli.report import write_plots
from atoll.cli.report_axes import Axes, round_steps, times
from atoll.cli.report_capacity import capacity_of, of_interest
from atoll.cli.report_cost import Price, Prices, estimate, load
from atoll.cli.report_drawing import DARK, LIGHT, Drawing, Line, Words, svg_of
from atoll.cli.report_facts import Facts, Figure
from atoll.cli.report_map import map_of
from atoll.cli.report_page import page_of, plots_of
from atoll.cli.report_paths import lag_of, matrix_of
from atoll.cli.report_png import dashes, png_of
from atoll.cli.report_tables import lags_table
from atoll.client.bucket_calls import BucketUsage
from atoll.client.monitor_calls import REACH as CLIENTS_REACH
from atoll.client.views import RegionView
from atoll.land import land
from atoll.settings import SettingsError
from monitor.growth_watch import REACH

VOID = {"meta", "br", "hr"}
HOSTILE = "\"><script>alert(1)</script><img src=https://evil.example/x onerror=x>'\x1b[31m"


def page(facts):
    return page_of(facts, estimate(facts, Prices()), plots_of(facts))


class Reader(HTMLParser):
    """Tags, attributes and whether every element that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_closed(text):
    """It loads, runs and links nothing, and its policy names its own style sheet alone."""
    reader = Reader(text)
    assert reader.tags & {"script", "img", "link", "iframe", "object", "base", "a", "image", "use"} == set()
    names = {name for _, name, _ in reader.attributes}
    assert names & {"src", "href", "xlink:href", "style", "action", "data"} == set()
    assert not any(name.startswith("on") for name in names)
    assert re.findall(r"url\(|@import|https?://", text) == []
    policy = next(
        value for _, name, value in reader.attributes if name == "content" and "default-src" in value
    )
    css = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")


@pytest.mark.parametrize("facts", [rich_facts(), Facts(NOW)], ids=["rich", "empty"])
def test_the_page_is_one_closed_file(facts):
    check_closed(page(facts))


def test_text_from_outside_stays_text():
    facts = rich_facts()
    finding = replace(facts.findings[0], detail=HOSTILE, todo=HOSTILE, level="critical")
    hostile = replace(
        facts,
        nodes=(node(HOSTILE, HOSTILE, set=HOSTILE, health=HOSTILE, state=HOSTILE),),
        regions=(RegionView(HOSTILE, 1.0, 2.0),),
        findings=(finding,),
        forecasts=(forecast(HOSTILE, unit=HOSTILE, scope=HOSTILE),),
        curves=(curve(HOSTILE, HOSTILE),),
        paths=(path(HOSTILE, HOSTILE, ok=False, outcome=HOSTILE, why=HOSTILE),),
        flights=(flights(HOSTILE, HOSTILE, 0.1),),
        unasked={HOSTILE: HOSTILE},
    )
    text = page(hostile).replace("https://evil.example/x", "")
    check_closed(text)
    assert "\x1b" not in text
    assert "<script" not in text


def test_a_hostile_name_of_a_node_names_no_file_elsewhere(tmp_path):
    facts = Facts(NOW, curves=(curve("../../etc/x", "eu"),))
    write_plots(tmp_path / "plots", plots_of(facts))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plots"]
    assert "capacity-______etc_x.svg" in {p.name for p in (tmp_path / "plots").iterdir()}


def test_every_section_says_what_it_holds():
    text = page(rich_facts())
    for said in (
        "eu-central-1",
        "full in 18.0 days (15.2 to 22.4)",
        "us-west-1 is not healthy",
        "Look at it.",
        "93.00 %",
        "lost",
        "not flown lately",
        "prices of 2026-11",
        "15 of 16",
        "0.4 s",
    ):
        assert said in text, said


def test_a_forecast_that_looks_further_than_its_history_bears_foretells_nothing():
    early = forecast("eu-1", days=0.4, early=0.2, late=0.6, known_days=0.01)
    text = page(Facts(NOW, curves=(curve("eu-1", "eu"),), forecasts=(early,)))
    assert "known for 14m: too early to say" in text
    assert "not in sight" in text
    assert "14m, too early" in text
    assert CLIENTS_REACH == REACH


def test_what_hardly_lags_is_counted_only():
    figures = [Figure("atoll_consumer_lag_seconds", "engine", f"c{n}", 0.01 * n) for n in range(10)]
    assert lags_table(figures).count("<tr>") == 6
    assert "Nothing waits at 5 others." in lags_table(figures)
    assert lags_table(figures[:2]) == '<p class="muted">Nothing waits at 2 places.</p>'


def test_what_could_not_be_asked_is_named_and_not_called_well():
    text = page(Facts(NOW, unasked={"monitor": "it does not answer"}))
    assert "it does not answer" in text
    assert "Nobody could say." in text
    assert "Nothing is wrong." not in text


def test_each_role_has_a_light_and_a_dark_color_that_can_be_read():
    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert LIGHT.keys() == DARK.keys()
    for colors in (LIGHT, DARK):
        for role in colors.keys() - {"paper", "grid", "land"}:
            light, dark = sorted((luminance(colors[role]), luminance(colors["paper"])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, role


def test_every_plot_is_a_picture_and_a_file_of_its_own(tmp_path):
    plots = plots_of(rich_facts())
    assert {"map", "lag", "availability", "capacity-eu-central-1"} <= plots.keys()
    write_plots(tmp_path, {name: plots[name] for name in ("map", "lag")})
    for name in ("map", "lag"):
        root = ET.fromstring((tmp_path / f"{name}.svg").read_text())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        with Image.open(tmp_path / f"{name}.png") as picture:
            drawing = plots[name]
            assert picture.size == (round(drawing.width * 2), round(drawing.height * 2))
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 5


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        write_plots(tmp_path / "file", {"x": Drawing(10, 10, "x")})


def test_regions_stand_where_they_are_and_labels_do_not_cover_each_other():
    near = [RegionView(f"eu-{n}", 50 + n / 10, 8) for n in range(6)]
    drawing = map_of([*near, RegionView("edge", 95.0, 180.0)], [node("a", "eu-1", health="suspect")])
    labels = [s for s in drawing.shapes if isinstance(s, Words) and s.bold]
    ys = sorted(label.y for label in labels if label.text.startswith("eu"))
    assert all(b - a >= 26 for a, b in itertools.pairwise(ys))
    assert all(0 <= label.x <= drawing.width for label in labels)


def test_the_land_is_land():
    rings = land()
    assert 30 < len(rings) < 100
    assert all(len(ring) >= 3 for ring in rings)
    assert all(-180 <= x <= 180 and -60 <= y <= 84 for ring in rings for x, y in ring)

    def inside(x, y):
        odd = False
        for ring in rings:
            for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
                if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                    odd = not odd
        return odd

    for lon, lat in ((10, 50), (-100, 40), (-60, -10), (20, 0), (135, -25), (100, 60)):
        assert inside(lon, lat), (lon, lat)
    for lon, lat in ((-30, 40), (-140, 0), (80, -20), (160, 30)):
        assert not inside(lon, lat), (lon, lat)


def band_of(drawing):
    return next(s for s in drawing.shapes if isinstance(s, Line) and s.fill == "b")


def test_the_band_opens_from_now_and_ends_where_the_disk_refuses():
    made = forecast("n", days=10.0, early=8.0, late=14.0)
    drawing = capacity_of(curve("n", "eu", 0.6), made, NOW)
    band = band_of(drawing)
    assert band.closed
    floor = min(y for _, y in band.points)
    refused = next(s for s in drawing.shapes if isinstance(s, Line) and s.stroke == "bad").points[0][1]
    assert floor == pytest.approx(refused, abs=0.5)
    xs = [x for x, _ in band.points]
    assert xs[0] == min(xs)


def test_no_band_is_drawn_for_what_is_not_filling_or_counted_in_inodes():
    for made in (None, forecast("n", None, None, None, per_day=-1.0), forecast("n", unit="inodes")):
        drawing = capacity_of(curve("n", "eu"), made, NOW)
        assert not any(isinstance(s, Line) and s.fill == "b" for s in drawing.shapes)


def test_a_disk_without_history_or_size_is_drawn_all_the_same():
    empty = replace(curve("n", "eu"), points=(), bytes_total=0, bytes_free=0, bytes_reserved=0)
    assert svg_of(capacity_of(empty, None, NOW))


def test_curves_that_are_full_first_come_first_and_no_more_than_twelve():
    curves = [curve(f"n{i}", "eu", 0.1 + i / 40) for i in range(20)]
    chosen = of_interest(curves, [forecast("n3", days=2.0)])
    assert len(chosen) == 12
    assert [c.node for c, _ in chosen[:2]] == ["n3", "n19"]


def test_axes_have_few_round_ticks():
    assert round_steps(0.23) == pytest.approx([0, 0.1, 0.2])
    assert round_steps(0) == [0]
    for span in (60, 3600, DAY, 20 * DAY, 400 * DAY, 9000 * DAY):
        assert len(times(NOW, NOW + span)) <= 6
    axes = Axes(NOW, NOW + 10, 5)
    assert axes.place(NOW - 99, 99) == axes.place(NOW, 5)


def test_lag_is_the_middle_of_all_origins_and_the_grid_holds_what_came():
    drawing = lag_of([flights("a", "c", 0.1), flights("b", "c", 0.3), flights("c", "c", 9.0)], NOW)
    texts = [s.text for s in drawing.shapes if isinstance(s, Words)]
    assert "c" in texts
    tip = next(s.tip for s in drawing.shapes if getattr(s, "tip", ""))
    assert tip.startswith("c: ")
    assert 150 <= float(tip.split()[1]) <= 250
    words = [s.text for s in matrix_of([path("a", "b", day=0.99999)]).shapes if isinstance(s, Words)]
    assert "99.99 %" in words
    assert "no canaries are flown" in [s.text for s in matrix_of([]).shapes if isinstance(s, Words)]


def test_the_cost_is_machines_and_disks_by_region_and_divided_by_what_is_held():
    prices = Prices(default=Price(10, 0.1, 0.05), regions={"us": Price(30, 0.2, 0.15)})
    hundred = {"bytes_total": 100 * 10**9}
    facts = Facts(
        NOW,
        (node("a", "eu", **hundred), node("b", "us", **hundred)),
        usage={"images": BucketUsage(50 * 10**9, 500_000, 500_000)},
    )
    cost = estimate(facts, prices)
    assert (cost.machines, cost.disks, cost.month) == (40, 30, 70)
    assert cost.million_images_month == pytest.approx(140)
    assert cost.gb_month == pytest.approx(1.4)
    assert cost.read_gb == pytest.approx(0.1)
    assert cost.million_reads == pytest.approx(0.1 * 100)


def test_an_empty_cluster_costs_what_it_costs_and_divides_by_nothing():
    cost = estimate(Facts(NOW), Prices())
    assert (cost.month, cost.million_images_month, cost.gb_month, cost.read_gb) == (0, None, None, 0)


def test_prices_are_read_from_a_table_and_wrong_ones_refused(tmp_path):
    table = tmp_path / "prices.toml"
    table.write_text(
        'currency = "EUR"\ndated = "2027-01"\n[default]\nnode_month = 5\n[regions.us]\negress_gb = 0.09\n'
    )
    prices = load(table)
    assert (prices.currency, prices.of("eu").node_month, prices.of("us").egress_gb) == ("EUR", 5, 0.09)
    assert prices.of("us").node_month == 5
    for wrong in (
        "x = 1",
        "[default]\nnode_month = -1",
        "[default]\nnode_month = nan",
        "=",
        "[default]\nx=1",
        "default = 1",
        "[regions]\nus = 1",
    ):
        table.write_text(wrong)
        with pytest.raises(SettingsError):
            load(table)
    with pytest.raises(SettingsError):
        load(tmp_path / "none.toml")
    assert load(None) == Prices()


def test_the_sample_of_prices_says_what_is_built_in():
    assert load(ROOT / "deploy/prices.sample.toml") == Prices()


def test_a_dashed_line_is_cut_evenly_over_corners():
    pieces = dashes([(0, 0), (10, 0), (10, 10)], 4, 4)
    lengths = [abs(x2 - x1) + abs(y2 - y1) for (x1, y1), (x2, y2) in pieces]
    assert sum(lengths) == pytest.approx(12)


def test_a_drawing_becomes_a_png_of_twice_its_size():
    with Image.open(io.BytesIO(png_of(Drawing(30, 20, "x", [Words(2, 12, "hi")])))) as picture:
        assert (picture.format, picture.size) == ("PNG", (60, 40))


def test_sizes_of_the_sample_are_what_they_seem():
    assert node("a", "eu", 0.25).bytes_free == 75 * GIB
