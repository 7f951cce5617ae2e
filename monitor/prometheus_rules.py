"""The monitor's rules as Prometheus alert rules, for those who alarm from there. Pure.

Same figures (the monitor's own /metrics), same thresholds, same times. What Prometheus cannot say is left
out: that a level ends only some way beyond its threshold (`keep_firing_for` stands in for it), and that one
rule covers another (`inhibit_rules` of Alertmanager, in docs/monitor.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

from monitor.rules import RULES, Rule

Severity = Literal["warning", "critical"]
_FIELD = re.compile(r"\{(\w+)(?::([^}]*))?\}")


def expression(rule: Rule, severity: Severity) -> str:
    """When it is broken. A warning says nothing where it is critical already."""
    threshold = rule.threshold(severity)
    assert threshold is not None
    compare = ">=" if rule.side == "above" else "<"
    own = f"{rule.metric} {compare} {threshold:g}"
    if severity == "critical" or rule.critical is None:
        return own
    return f"{own} unless {rule.metric} {compare} {rule.critical:g}"


def alert_name(rule: Rule) -> str:
    """`AtollNodeSilent` for node_silent."""
    return "Atoll" + "".join(word.capitalize() for word in rule.name.split("_"))


def rules_file() -> str:
    """The whole file, as YAML whose strings are JSON's."""
    head = [
        "# Made from monitor/rules.py by `python -m monitor.deploy_files`: change the table there.",
        "# Scrape the monitor (docs/monitor.md). Thresholds are the defaults of its settings.",
        "groups:",
        "  - name: atoll",
        "    rules:",
    ]
    return "\n".join([*head, *(line for rule in RULES for line in _lines(rule))]) + "\n"


def _lines(rule: Rule) -> Iterator[str]:
    severities: tuple[Severity, ...] = ("warning", "critical")
    for severity in severities:
        if rule.threshold(severity) is None:
            continue
        yield f"      - alert: {alert_name(rule)}"
        yield f"        expr: {json.dumps(expression(rule, severity))}"
        yield f"        for: {rule.for_seconds:g}s"
        yield f"        keep_firing_for: {rule.keep_seconds:g}s"
        yield f"        labels: {{severity: {severity}, rule: {rule.name}}}"
        yield "        annotations:"
        yield f"          summary: {json.dumps(_template(rule), ensure_ascii=False)}"
        yield f"          description: {json.dumps(rule.todo, ensure_ascii=False)}"


def _template(rule: Rule) -> str:
    """The sentence with Prometheus' placeholders; notes are the monitor's alone."""
    text = re.sub(r":? ?\(?\{note\}\)?", "", rule.what)
    return _FIELD.sub(lambda found: _placeholder(rule, found[1], found[2] or ""), text)


def _placeholder(rule: Rule, field: str, form: str) -> str:
    if field == "name":
        names = {"path": "{{ $labels.from }}→{{ $labels.to }}", "cluster": "atoll"}
        return names.get(rule.scope, f"{{{{ $labels.{rule.scope} }}}}")
    if field == "days":
        return "{{ $value | humanize }} days"
    return "{{ $value | humanizePercentage }}" if form.endswith("%") else "{{ $value | humanize }}"
