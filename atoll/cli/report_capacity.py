"""How full a node was, is and will be: its curve, the forecast and how unsure that is. Pure.

The band is the range that holds the truth four times of five (`early` to `late` of the forecast). It is
drawn until the disk is full, but no further than eight times the history.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.cli.output import size
from atoll.cli.report_axes import DAY, LEFT, Axes
from atoll.cli.report_drawing import Dot, Drawing, Line, Words
from atoll.cli.report_facts import Curve
from atoll.cli.spans import spell
from atoll.client.monitor_calls import ForecastView

AHEAD = 8.0  # of the history: beyond that the past would be a speck
DRAWN = 12  # curves on the page: those that are full first


def of_interest(
    curves: Sequence[Curve], forecasts: Sequence[ForecastView]
) -> list[tuple[Curve, ForecastView | None]]:
    """The curves to draw: the first to be full first, then the fullest."""
    made = {forecast.name: forecast for forecast in forecasts if forecast.scope == "node"}

    def urgency(curve: Curve) -> tuple[float, float]:
        forecast = made.get(curve.node)
        days = forecast.days if forecast is not None and forecast.days is not None else float("inf")
        return days, curve.bytes_free / (curve.bytes_total or 1)

    return [(curve, made.get(curve.node)) for curve in sorted(curves, key=urgency)[:DRAWN]]


def capacity_of(curve: Curve, forecast: ForecastView | None, now: float) -> Drawing:
    """One node's disk."""
    used, room = curve.bytes_total - curve.bytes_free, curve.bytes_total - curve.bytes_reserved
    seen = forecast if forecast is not None and forecast.unit == "bytes" else None
    begin = min([at for at, _ in curve.points] or [now - 3600])
    history = max(now - begin, 600.0)
    axes = Axes(now - history, now + _ahead(seen, history), curve.bytes_total * 1.1)
    ticks = [(curve.bytes_total * part, size(round(curve.bytes_total * part))) for part in (0, 0.5, 1)]
    drawing = axes.draw(f"{curve.node} · {_said(forecast)}", ticks)
    full = axes.place(now, room)[1]
    drawing.add(Line((axes.place(axes.begin, room), axes.place(axes.end, room)), "bad", 1.2, dashed=True))
    drawing.add(Words(LEFT + 4, full - 5, "refuses uploads from here", 11, "bad"))
    if seen is not None and seen.per_day > 0:
        _forecast(drawing, axes, seen, now, used, room)
    points = (*(axes.place(at, value) for at, value in curve.points), axes.place(now, used))
    area = (axes.place(axes.begin, 0), *((points[0][0], axes.place(0, 0)[1]),), *points, axes.place(now, 0))
    drawing.add(Line(area, "none", fill="a", closed=True, opacity=0.15))
    drawing.add(Line(points, "a", 2.0), Dot(*points[-1], 3.2, "a", f"now: {size(used)} used"))
    return drawing


def _ahead(forecast: ForecastView | None, history: float) -> float:
    """How far into the future to draw, in seconds."""
    if forecast is None or forecast.days is None:
        return history * 0.25
    wanted = (forecast.late if forecast.late is not None else forecast.days * 1.5) * DAY * 1.05
    return min(wanted, AHEAD * history)


def _forecast(drawing: Drawing, axes: Axes, forecast: ForecastView, now: float, used: int, room: int) -> None:
    left = (axes.end - now) / DAY
    free = max(0, room - used)

    def edge(days: float | None) -> list[tuple[float, float]]:
        """Along a growth that fills it in so many days: to the moment it is full, or the frame's end."""
        if days is None:
            return [(axes.end, float(used))]
        if days <= left:
            return [(now + days * DAY, float(room)), (axes.end, float(room))]
        return [(axes.end, used + free * left / days)]

    band = [(now, float(used)), *edge(forecast.early), *reversed(edge(forecast.late))]
    points = tuple(axes.place(at, value) for at, value in band)
    drawing.add(Line(points, "none", fill="b", closed=True, opacity=0.25))
    guess = [(now, float(used)), *edge(forecast.days)[:1]]
    drawing.add(Line(tuple(axes.place(at, value) for at, value in guess), "b", 1.8, dashed=True))


def _said(forecast: ForecastView | None) -> str:
    if forecast is None:
        return "no forecast yet"
    if forecast.days is None:
        return "not filling"
    if forecast.is_early:
        return f"known for {spell(forecast.known_days * DAY)}: too early to say"
    early, late = forecast.early, forecast.late
    span = f"{'?' if early is None else f'{early:.1f}'} to {'never' if late is None else f'{late:.1f}'}"
    return f"full in {forecast.days:.1f} days ({span})" + (", inodes" if forecast.unit != "bytes" else "")
