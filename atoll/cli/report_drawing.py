"""A drawing as plain shapes, and as SVG. Pure; report_png.py paints the same shapes.

Shapes name roles, not colours: a page gives each role a light and a dark one (`SVG_STYLE`). Everything that
is text is escaped here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Literal

from atoll.cli.output import printable

Role = Literal[
    "none", "paper", "ink", "muted", "grid", "land", "good", "warn", "bad", "a", "b", "c", "d", "e"
]
Anchor = Literal["start", "middle", "end"]
LINES: tuple[Role, ...] = ("a", "b", "c", "d", "e", "muted")
LIGHT: dict[Role, str] = {
    "paper": "#ffffff", "ink": "#1c2430", "muted": "#5d6878", "grid": "#d9dee6", "land": "#dfe6dc",
    "good": "#17734a", "warn": "#8a5a0b", "bad": "#c23b3b",
    "a": "#2563b8", "b": "#b5541c", "c": "#7a3fa8", "d": "#0f8080", "e": "#a8326e",
}  # fmt: skip
DARK: dict[Role, str] = {
    "paper": "#171c24", "ink": "#e6eaf0", "muted": "#9aa6b6", "grid": "#333c4a", "land": "#2b3733",
    "good": "#4cc38a", "warn": "#e0a840", "bad": "#ef7676",
    "a": "#6ea8f5", "b": "#f0975a", "c": "#c08ce8", "d": "#4cc4c4", "e": "#ec80b4",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Through all points; `closed` and filled it is an area. `width` in units of the drawing."""

    points: tuple[tuple[float, float], ...]
    stroke: Role = "ink"
    width: float = 1.0
    fill: Role = "none"
    closed: bool = False
    dashed: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Dot:
    """A circle; `tip` is what a pointer over it says."""

    x: float
    y: float
    radius: float
    fill: Role = "ink"
    tip: str = ""
    opacity: float = 1.0


@dataclass(frozen=True)
class Words:
    """Text whose base line begins, is centred or ends at a point."""

    x: float
    y: float
    text: str
    size: float = 11.0
    fill: Role = "ink"
    anchor: Anchor = "start"
    bold: bool = False


Shape = Line | Dot | Words


@dataclass
class Drawing:
    """`title` is for those who cannot see it, and for the file."""

    width: float
    height: float
    title: str
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """On top of what is there."""
        self.shapes += shapes


def svg_style(name: str = "") -> str:
    """One class per role and kind, in the colours of custom properties. `name` limits it to one selector."""
    rules = [f"{name}.f-{r}{{fill:var(--{r})}}{name}.s-{r}{{stroke:var(--{r})}}" for r in LIGHT]
    text = f"{name}text{{font-family:system-ui,sans-serif}}"
    return "".join(rules) + text


def color_style(selector: str = ":root") -> str:
    """The colours of both modes."""
    light = ";".join(f"--{role}:{color}" for role, color in LIGHT.items())
    dark = ";".join(f"--{role}:{color}" for role, color in DARK.items())
    return f"{selector}{{{light}}}@media (prefers-color-scheme:dark){{{selector}{{{dark}}}}}"


def svg_of(drawing: Drawing, *, alone: bool = False) -> str:
    """As SVG: inside a page, or `alone` as a file with its own style."""
    w, h = _n(drawing.width), _n(drawing.height)
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    size = f' width="{w}" height="{h}"' if alone else ""
    style = f"<style>{color_style('svg')}{svg_style()}</style>" if alone else ""
    paper = f'<rect class="f-paper" width="{w}" height="{h}"/>' if alone else ""
    title = f"<title>{_text(drawing.title)}</title>"
    body = "".join(_shape(shape) for shape in drawing.shapes)
    return f'<svg{space}{size} viewBox="0 0 {w} {h}" role="img">{title}{style}{paper}{body}</svg>'


def _shape(shape: Shape) -> str:
    match shape:
        case Line():
            return _line(shape)
        case Dot():
            tip = f"<title>{_text(shape.tip)}</title>" if shape.tip else ""
            place = f'cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{_n(shape.radius)}"'
            return f'<circle class="f-{shape.fill}" {place}{_opacity(shape.opacity)}>{tip}</circle>'
        case Words():
            place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{_n(shape.size)}"'
            more = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
            more += ' font-weight="600"' if shape.bold else ""
            return f'<text class="f-{shape.fill}" {place}{more}>{_text(shape.text)}</text>'


def _line(line: Line) -> str:
    points = "L".join(f"{_n(x)} {_n(y)}" for x, y in line.points)
    fill = "" if line.fill == "none" else f"f-{line.fill}"
    stroke = "" if line.stroke == "none" else f"s-{line.stroke}"
    look = f'class="{f"{fill} {stroke}".strip()}"' + ("" if fill else ' fill="none"')
    if stroke:
        look += f' stroke-width="{_n(line.width)}" stroke-linejoin="round"'
    look += ' stroke-dasharray="5 4"' if line.dashed else ""
    return f'<path {look}{_opacity(line.opacity)} d="M{points}{"Z" if line.closed else ""}"/>'


def _text(text: str) -> str:
    """Escaped, and without the characters that XML forbids."""
    return escape(printable(text))


def _opacity(opacity: float) -> str:
    return "" if opacity == 1 else f' opacity="{_n(opacity)}"'


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
