"""`python -m monitor.deploy_files [DIR]`: write what is made from the tables into deploy/ and docs/. I/O.

A test compares, so that none of them is ever older than its table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from monitor.dashboards import DASHBOARDS, dashboard
from monitor.prometheus_rules import rules_file
from monitor.rules import RULES, Rule

_BEGIN, _END = "<!-- made from the table: {} -->", "<!-- end of {} -->"


def files() -> dict[str, str]:
    """Every file that is wholly made, by its path in the repository."""
    made = {"deploy/prometheus/atoll.rules.yml": rules_file()}
    for name in DASHBOARDS:
        made[f"deploy/grafana/atoll-{name}.json"] = (
            json.dumps(dashboard(name), indent=1, ensure_ascii=False) + "\n"
        )
    return made


def with_tables(page: str) -> str:
    """docs/monitor.md with its table of rules made anew."""
    return _between(page, "rules", rules_table())


def rules_table() -> str:
    """What alarms, as Markdown."""
    head = (
        "| rule | of a | figure | warning | critical | after | what to do |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(_row(rule) for rule in RULES)


def _row(rule: Rule) -> str:
    sign = "≥" if rule.side == "above" else "<"
    warning, critical = (
        "" if level is None else f"{sign} {level:g}" for level in (rule.warning, rule.critical)
    )
    return (
        f"| `{rule.name}` | {rule.scope} | `{rule.metric}` | {warning} | {critical} "
        f"| {rule.for_seconds:g} s | {rule.todo} |\n"
    )


def _between(page: str, name: str, table: str) -> str:
    begin, end = _BEGIN.format(name), _END.format(name)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{table}{end}{after}"


def main(root: Path) -> None:
    """Write them all."""
    for name, text in files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    page = root / "docs" / "monitor.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
