"""What is made from the monitor's tables is as new as they are, and right by its own rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
from metrics_page import documented

from monitor.dashboards import DASHBOARDS
from monitor.deploy_files import files, with_tables
from monitor.metric_table import MEANINGS
from monitor.prometheus_rules import alert_name, expression, rules_file
from monitor.rules import BY_NAME, RULES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(files()))
def test_a_made_file_is_as_its_table_says(name):
    assert (ROOT / name).read_text(encoding="utf-8") == files()[name], "run: python -m monitor.deploy_files"


def test_the_page_of_metrics_has_every_figure_of_the_monitor_and_what_it_means():
    page = documented()["monitor"]
    assert {name: page[name].means for name in MEANINGS if name in page} == MEANINGS
    assert all(page[name].kind == "gauge" for name in MEANINGS)


def test_the_page_of_the_monitor_has_the_table_as_it_is():
    page = (ROOT / "docs" / "monitor.md").read_text(encoding="utf-8")
    assert with_tables(page) == page, "run: python -m monitor.deploy_files"


def test_prometheus_has_every_level_of_every_rule():
    yaml = pytest.importorskip("yaml")
    (group,) = yaml.safe_load(rules_file())["groups"]
    found = {(rule["labels"]["rule"], rule["labels"]["severity"]): rule for rule in group["rules"]}
    assert found.keys() == {
        (rule.name, level)
        for rule in RULES
        for level in ("warning", "critical")
        if rule.threshold(level) is not None
    }
    for (name, _), rule in found.items():
        assert rule["alert"] == alert_name(BY_NAME[name])
        assert set(re.findall(r"atoll_\w+", rule["expr"])) <= MEANINGS.keys()
        assert "{name}" not in rule["annotations"]["summary"]
        assert "note" not in rule["annotations"]["summary"]


def test_a_warning_is_silent_where_it_is_critical_already():
    rule = BY_NAME["capacity"]
    assert expression(rule, "warning") == "atoll_node_used_ratio >= 0.8 unless atoll_node_used_ratio >= 0.92"
    assert expression(BY_NAME["node_silent"], "critical") == "atoll_node_up < 1"


def test_every_panel_has_lines_and_every_dashboard_imports_as_json():
    for name, panels in DASHBOARDS.items():
        made = json.loads(files()[f"deploy/grafana/atoll-{name}.json"])
        assert [panel["title"] for panel in made["panels"]] == [panel.title for panel in panels]
        assert all(panel["targets"] for panel in made["panels"])


def test_every_expression_of_rules_and_dashboards_is_promql():
    rules = [
        expression(rule, level)
        for rule in RULES
        for level in ("warning", "critical")
        if rule.threshold(level) is not None
    ]
    lines = [line for panels in DASHBOARDS.values() for panel in panels for line, _ in panel.lines]
    for text in (*rules, *lines):
        promql_parser.parse(text.replace("$__rate_interval", "1m"))
    with pytest.raises(ValueError, match="parenthesis"):
        promql_parser.parse("sum by (node) (rate(x[1m])")
