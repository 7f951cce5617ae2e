"""From region to region: how long copies took, as curves, and who came through, as a grid. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from atoll.cli.canary_table import last_of, percent
from atoll.cli.report_axes import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, round_steps
from atoll.cli.report_drawing import LINES, Dot, Drawing, Line, Role, Words
from atoll.client.canary_calls import Flights, RegionPath

CELL_W, CELL_H, SIDE, HEAD = 92.0, 40.0, 120.0, 46.0
MOST_REGIONS = 12  # in a picture; the page's table has all


def lag_of(flights: Sequence[Flights], now: float) -> Drawing:
    """Seconds from an upload's 201 to a copy in a region, canary by canary: the median of all origins."""
    targets = sorted({path.target for path in flights})
    lines = {target: _line_to(flights, target) for target in targets[: len(LINES)]}
    drawn = [point for line in lines.values() for point in line]
    begin = min([at for at, _ in drawn] or [now - 600])
    top = max([lag for _, lag in drawn] or [1.0]) * 1.15 or 1.0
    axes = Axes(begin, max(now, begin + 60), top)
    ticks = [(value, _seconds(value)) for value in round_steps(top)]
    drawing = axes.draw("Replication lag into each region", ticks)
    left = 8.0
    for role, (target, line) in zip(LINES, lines.items(), strict=False):
        if line:
            drawing.add(Line(tuple(axes.place(*point) for point in line), role, 1.8))
            drawing.add(Dot(*axes.place(*line[-1]), 2.8, role, f"{target}: {_seconds(line[-1][1])}"))
        drawing.add(Words(left, TOP - 7, target[:18], 11.5, role, bold=True))
        left += 6.6 * len(target[:18]) + 12
    if not drawn:
        drawing.add(
            Words((LEFT + WIDTH - RIGHT) / 2, HEIGHT / 2, "no canary has come yet", 12, "muted", "middle")
        )
    return drawing


def _line_to(flights: Sequence[Flights], target: str) -> list[tuple[float, float]]:
    """The n-th last canary of every other origin, together: their middle, at the newest one's time."""
    paths = [p for p in flights if p.target == target and p.origin != target] or [
        p for p in flights if p.target == target
    ]
    most = max((len(path.last) for path in paths), default=0)
    points = []
    for back in range(most, 0, -1):
        seen = [p.last[-back] for p in paths if len(p.last) >= back]
        lags = [flight.lag for flight in seen if flight.lag is not None]
        if lags:
            points.append((max(flight.at for flight in seen) / 1000, statistics.median(lags)))
    return points


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.3g} s"


def share_color(share: float | None) -> Role:
    """Of an availability, 0 to 1."""
    if share is None:
        return "muted"
    return "good" if share >= 0.999 else "warn" if share >= 0.95 else "bad"


def matrix_of(paths: Sequence[RegionPath]) -> Drawing:
    """Availability of a day and the time to read, from each region (rows) into each (columns)."""
    regions = sorted({p.origin for p in paths} | {p.target for p in paths})[:MOST_REGIONS]
    known = {(p.origin, p.target): p for p in paths}
    width = max(SIDE + CELL_W * len(regions) + 8, 320.0)
    drawing = Drawing(width, HEAD + CELL_H * max(1, len(regions)) + 8, "Canaries from region to region")
    drawing.add(Words(8, 16, "Canaries: from (rows) into (columns), 24 h", 12.5, "ink", bold=True))
    for number, region in enumerate(regions):
        middle = SIDE + CELL_W * (number + 0.5)
        drawing.add(Words(middle, HEAD - 8, region[:14], 10.5, "muted", "middle"))
        drawing.add(Words(SIDE - 8, HEAD + CELL_H * (number + 0.5) + 4, region[:17], 10.5, "muted", "end"))
    for row, origin in enumerate(regions):
        for column, target in enumerate(regions):
            _cell(drawing, SIDE + CELL_W * column, HEAD + CELL_H * row, known.get((origin, target)))
    if not regions:
        drawing.add(Words(8, HEAD + 14, "no canaries are flown", 12, "muted"))
    return drawing


def _cell(drawing: Drawing, x: float, y: float, path: RegionPath | None) -> None:
    share = None if path is None or path.old else path.day
    color = share_color(share)
    corners = (
        (x + 1, y + 1),
        (x + CELL_W - 1, y + 1),
        (x + CELL_W - 1, y + CELL_H - 1),
        (x + 1, y + CELL_H - 1),
    )
    drawing.add(Line(corners, "none", fill=color, closed=True, opacity=0.18))
    middle = x + CELL_W / 2
    drawing.add(
        Words(middle, y + 17, percent(None if path is None else path.day), 12, color, "middle", bold=True)
    )
    if path is not None:
        drawing.add(Words(middle, y + 31, last_of(path), 9.5, "muted", "middle"))
