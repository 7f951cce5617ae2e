"""The report as one HTML page that fetches nothing and runs nothing. Pure.

Its content policy allows the one style sheet by its hash and nothing else, so that even text that slipped
through escaping could load or run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from atoll.cli.canary_table import percent
from atoll.cli.output import size
from atoll.cli.report_capacity import capacity_of, of_interest
from atoll.cli.report_cost import Cost
from atoll.cli.report_drawing import Drawing, svg_of
from atoll.cli.report_facts import Facts
from atoll.cli.report_map import map_of
from atoll.cli.report_paths import lag_of, matrix_of
from atoll.cli.report_style import style
from atoll.cli.report_tables import (
    alerts_table,
    cell,
    cost_table,
    forecasts_table,
    lags_table,
    matrix_table,
    misses_table,
    moment,
    nodes_table,
)
from atoll.version import __version__

_FILE_NAME = re.compile(r"[^a-z0-9-]")  # what no name of a node of ours has, but an answer might


def plots_of(facts: Facts) -> dict[str, Drawing]:
    """Every drawing, by the name its file gets."""
    plots = {"map": map_of(facts.regions, facts.nodes)}
    for curve, forecast in of_interest(facts.curves, facts.forecasts):
        plots[f"capacity-{_FILE_NAME.sub('_', curve.node)}"] = capacity_of(curve, forecast, facts.at)
    return plots | {"lag": lag_of(facts.flights, facts.at), "availability": matrix_of(facts.paths)}


def page_of(facts: Facts, cost: Cost, plots: dict[str, Drawing]) -> str:
    """The whole page."""
    css = style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    sections = (_tiles(facts), _unasked(facts), _map(facts, plots), _capacity(facts, plots),
                _lag(facts, plots), _canaries(facts), _alerts(facts), _cost(cost))  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        f"<title>Atoll: report of {_at(facts)}</title><style>{css}</style></head><body>\n"
        f"<h1>Atoll cluster report</h1><p class=muted>as it was at {_at(facts)} UTC</p>\n"
        + "\n".join(section for section in sections if section)
        + f"\n<footer>Made by <code>atoll report</code> {cell(__version__).text}. Times are UTC.</footer>\n"
        "</body></html>\n"
    )


def _at(facts: Facts) -> str:
    return moment(facts.at * 1000)


def _tiles(facts: Facts) -> str:
    well = sum(node.health == "healthy" for node in facts.nodes)
    total = sum(node.bytes_total or 0 for node in facts.nodes)
    free = sum(node.bytes_free or 0 for node in facts.nodes)
    critical = sum(one.level == "critical" for one in facts.findings)
    shares = [path.day for path in facts.paths if path.day is not None]
    day = min(shares) if shares else None
    soonest = min((f.days for f in facts.forecasts if f.days is not None and not f.is_early), default=None)
    tiles = [
        (f"{well} of {len(facts.nodes)}", "nodes healthy", "good" if well == len(facts.nodes) else "bad"),
        (len(facts.findings), f"alerts, {critical} critical", _alarm(len(facts.findings), critical)),
        ("not in sight" if soonest is None else f"{soonest:.1f} days", "until the first is full", ""),
        (f"{size(total - free)} of {size(total)}", "of all disks used", ""),
        (f"{facts.images:,}", f"images, {size(facts.image_bytes)} each once", ""),
        (percent(day), "came on the worst path, 24 h", ""),
    ]
    made = (
        f'<div class=tile><b class="{role}">{cell(v).text}</b><span>{cell(w).text}</span></div>'
        for v, w, role in tiles
    )
    return f"<div class=tiles>{''.join(made)}</div>"


def _alarm(alerts: int, critical: int) -> str:
    return "bad" if critical else "warn" if alerts else "good"


def _unasked(facts: Facts) -> str:
    if not facts.unasked:
        return ""
    lines = "".join(f"<li>{cell(f'{what}: {why}').text}</li>" for what, why in sorted(facts.unasked.items()))
    return f"<div class=box><p><b>Not all could be asked.</b> What this page lacks:</p><ul>{lines}</ul></div>"


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{cell(title).text}</h2>{''.join(parts)}</section>"


def _says(text: str) -> str:
    return f"<p class=muted>{cell(text).text}</p>"


def _figures(drawings: Sequence[Drawing], kind: str = "charts") -> str:
    return f"<div class={kind}>{''.join(f'<figure>{svg_of(d)}</figure>' for d in drawings)}</div>"


def _map(facts: Facts, plots: dict[str, Drawing]) -> str:
    return _section("Regions and nodes", _figures([plots["map"]], "wide"), nodes_table(facts))


def _capacity(facts: Facts, plots: dict[str, Drawing]) -> str:
    curves = [drawing for name, drawing in plots.items() if name.startswith("capacity-")]
    said = "Blue: used. Orange: the forecast, and the range that holds it four times of five."
    left = len(facts.curves) - len(curves)
    more = f" {left} nodes that fill later are not drawn." if left > 0 else ""
    table = forecasts_table(facts) if facts.forecasts else _says("No history is long enough for a forecast.")
    return _section("Capacity and forecast", _says(said + more), _figures(curves), table)


def _lag(facts: Facts, plots: dict[str, Drawing]) -> str:
    said = (
        "From an upload's answer to a verified, durable copy in the region, by canaries; below, who lags now."
    )
    return _section("Lag", _says(said), _figures([plots["lag"]]), lags_table(facts.figures))


def _canaries(facts: Facts) -> str:
    if not facts.paths:
        return _section("Availability", _says("No canaries are flown (canary_urls of the monitor)."))
    said = (
        "A small image from each region (rows), read back in each (columns): the share that came in 24 h, "
        "then the last one's time to a copy and to read it."
    )
    return _section("Availability", _says(said), matrix_table(facts.paths), misses_table(facts.paths))


def _alerts(facts: Facts) -> str:
    if not facts.findings:
        unknown = "alerts" in facts.unasked or "monitor" in facts.unasked
        return _section("Alerts", _says("Nobody could say." if unknown else "Nothing is wrong."))
    return _section("Alerts", alerts_table(facts))


def _cost(cost: Cost) -> str:
    said = f"An estimate with prices of {cost.dated} ({cost.note})."
    return _section("Cost", _says(said), cost_table(cost))
