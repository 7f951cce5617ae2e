"""The report's tables, as HTML. Pure; whatever comes from the cluster is escaped by `cell`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

from atoll.cli.canary_table import last_of, percent
from atoll.cli.forecast_table import days
from atoll.cli.output import printable, size
from atoll.cli.report_cost import Cost
from atoll.cli.report_facts import Facts, Figure
from atoll.cli.report_paths import share_color
from atoll.cli.spans import spell
from atoll.client.canary_calls import RegionPath

ROWS = 200  # of a table; what is more is counted below it
UNBROKEN = 32  # characters, as many as a node's name may have
LAGGING = 0.05  # seconds; what lags less is counted only
LAGS = {
    "atoll_node_repair_lag_seconds": "since it last held all that its peers hold",
    "atoll_node_outbox_age_seconds": "its oldest event that is not published",
    "atoll_consumer_lag_seconds": "the oldest event it has not done",
}


class Html(NamedTuple):
    """A piece that is HTML already. `number`: it stands to the right."""

    text: str
    number: bool = False


def cell(value: object) -> Html:
    """Any value as a piece of HTML."""
    return value if isinstance(value, Html) else Html(escape(printable("" if value is None else value)))


def number(value: object) -> Html:
    """One that stands to the right."""
    return Html(cell(value).text, number=True)


def marked(value: object, role: str) -> Html:
    """One in the colour of a role."""
    return Html(f'<b class="{role}">{cell(value).text}</b>')


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Headings and rows, inside what scrolls sideways on a narrow screen."""
    made = [[cell(value) for value in row] for row in rows]
    head = "".join(f"<th{_side(cell(column))}>{cell(column).text}</th>" for column in columns)
    lines = ("".join(f"<td{_side(one)}>{one.text}</td>" for one in row) for row in made[:ROWS])
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    more = f'<p class="muted">… and {len(made) - ROWS} more</p>' if len(made) > ROWS else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'


def _side(piece: Html) -> str:
    """Numbers stand to the right; a name, or a path between two, is never broken; a sentence has room."""
    if piece.number:
        return ' class="n"'
    if len(piece.text) <= UNBROKEN and " " not in piece.text.replace(" → ", ""):
        return ' class="w"'
    return ' class="s"' if len(piece.text) > UNBROKEN and "<" not in piece.text else ""


def moment(milliseconds: float) -> str:
    """A time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def nodes_table(facts: Facts) -> str:
    """Every node."""
    rows = []
    for node in facts.nodes:
        state = node.health if node.state == "active" else f"{node.state}, {node.health}"
        state += ", read-only" if node.read_only else ""
        total, free = node.bytes_total, node.bytes_free
        used = "" if not total or free is None else f"{(total - free) / total:.1%}"
        role = "good" if state == "healthy" else "bad" if node.health != "healthy" else "warn"
        held = "" if node.blobs is None else f"{node.blobs:,}"
        load = "" if node.load is None else f"{node.load:.2f}"
        rows.append((node.name, node.region, node.set, marked(state, role), number(used), number(size(free)),
                     number(held), number(load)))  # fmt: skip
    heads = ("node", "region", "set", "state", *map(number, ("used", "free", "blobs", "load")))
    return table(heads, rows)


def forecasts_table(facts: Facts) -> str:
    """What will be full when."""
    rows = []
    for f in facts.forecasts:
        span = f"{days(f.early)} to {days(f.late)}"
        growth = f"{size(round(abs(f.per_day)))}" if f.unit == "bytes" else f"{abs(f.per_day):,.0f}"
        sign = "−" if f.per_day < 0 else ""
        known = spell(f.known_days * 86_400) + (", too early" if f.is_early else "")
        rows.append((f.scope, f.name, number(days(f.days)), number(span), f.unit, number(sign + growth),
                     number(known)))  # fmt: skip
    heads = ("", "name", number("days"), number("range (80 %)"), "of", number("a day"), number("known"))
    return table(heads, rows)


def matrix_table(paths: Sequence[RegionPath]) -> str:
    """Availability of a day from each region (rows) into each (columns), and the last canary."""
    regions = sorted({p.origin for p in paths} | {p.target for p in paths})
    known = {(p.origin, p.target): p for p in paths}
    rows = [[origin, *(_cell(known.get((origin, target))) for target in regions)] for origin in regions]
    return table(["from / into", *regions], rows)


def _cell(path: RegionPath | None) -> Html:
    if path is None:
        return Html("")
    share = share_color(None if path.old else path.day)
    week = f"week {percent(path.week)}"
    small = f"<small>{cell(last_of(path)).text}</small><small>{cell(week).text}</small>"
    return Html(f'<b class="{share}">{percent(path.day)}</b>{small}')


def misses_table(paths: Sequence[RegionPath]) -> str:
    """Why canaries did not come."""
    rows = [(f"{p.origin} → {p.target}", p.outcome, p.at, p.why) for p in paths if not p.ok or p.old]
    return table(("path", "last", "at", "why"), rows) if rows else ""


def lags_table(figures: Sequence[Figure]) -> str:
    """What lags now, the most first."""
    known = [f for f in figures if f.figure in LAGS and f.value is not None]
    found = sorted((f for f in known if (f.value or 0) >= LAGGING), key=lambda f: -(f.value or 0))
    rows = [(f.scope, f.name, number(f"{f.value:,.1f} s"), LAGS[f.figure]) for f in found]
    rest = len(known) - len(found)
    others = f'<p class="muted">Nothing waits at {rest} {"others" if rows else "places"}.</p>' if rest else ""
    return (table(("", "name", number("lag"), "what it is"), rows) if rows else "") + others


def alerts_table(facts: Facts) -> str:
    """What is not as it should be."""
    rows = []
    for one in facts.findings:
        role = "bad" if one.level == "critical" else "warn"
        lasting = spell(max(0.0, facts.at - one.since / 1000)) if one.since else ""
        rows.append((marked(one.level, role), one.detail, number(lasting), one.todo))
    return table(("level", "what", number("for"), "what to do"), rows)


def cost_table(cost: Cost) -> str:
    """The estimate, line by line."""
    lines = [
        ("machines, a month", cost.machines),
        ("disks, a month (their whole size)", cost.disks),
        ("both, a month", cost.month),
        ("for each million images held, a month", cost.million_images_month),
        ("for each GB of images held (all copies), a month", cost.gb_month),
        ("for each GB uploaded, sent to its other regions", cost.upload_gb),
        ("for each GB that readers fetch", cost.read_gb),
        ("for each million reads of an original of mean size", cost.million_reads),
    ]
    rows = [(what, number("–" if v is None else f"{v:,.2f}")) for what, v in lines]
    return table(("what", number(cost.currency)), rows)
