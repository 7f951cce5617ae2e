"""A frame with axes: from figures to places in a drawing, and round ticks. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from atoll.cli.report_drawing import Drawing, Line, Words

DAY = 86_400.0
WIDTH, HEIGHT = 480.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 14.0, 42.0, 28.0
_STEPS = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY,
          90 * DAY, 180 * DAY, 365 * DAY)  # fmt: skip


@dataclass(frozen=True)
class Axes:
    """Time (Unix seconds) to the right, a figure from 0 to `top` upwards."""

    begin: float
    end: float
    top: float

    def place(self, at: float, value: float) -> tuple[float, float]:
        """Where a point lies; one outside the frame at its edge."""
        across = min(1.0, max(0.0, (at - self.begin) / ((self.end - self.begin) or 1)))
        up = min(1.0, max(0.0, value / (self.top or 1)))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def draw(self, title: str, values: list[tuple[float, str]]) -> Drawing:
        """The frame, with `values` as ticks on the left and round times below."""
        drawing = Drawing(WIDTH, HEIGHT, title)
        drawing.add(Words(8, 17, title[:64], 13.5, "ink", bold=True))
        for value, text in values:
            y = self.place(self.begin, value)[1]
            drawing.add(Line(((LEFT, y), (WIDTH - RIGHT, y)), "grid", 0.8))
            drawing.add(Words(LEFT - 6, y + 4, text, 12, "muted", "end"))
        for at, text in times(self.begin, self.end):
            x = self.place(at, 0)[0]
            drawing.add(Line(((x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 4)), "muted", 0.8))
            drawing.add(Words(x, HEIGHT - 8, text, 12, "muted", "middle"))
        return drawing


def times(begin: float, end: float, most: int = 5) -> list[tuple[float, str]]:
    """Round moments between two, and how they are written (UTC)."""
    span = max(1.0, end - begin)
    step = next((step for step in _STEPS if span / step <= most), math.ceil(span / most / DAY) * DAY)
    first = math.ceil(begin / step) * step
    form = "%d %b" if step >= DAY else "%H:%M"
    form = "%b %Y" if step >= 60 * DAY else form
    found = [first + number * step for number in range(int((end - first) / step) + 1)]
    inside = [at for at in found if begin + span * 0.03 <= at <= end - span * 0.03]
    return [(at, datetime.fromtimestamp(at, UTC).strftime(form)) for at in inside]


def round_steps(top: float, most: int = 4) -> list[float]:
    """Round values from 0 to `top`, and no more than `most` steps."""
    if top <= 0:
        return [0.0]
    raw = top / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    return [step * number for number in range(int(top / step + 1e-9) + 1)]
