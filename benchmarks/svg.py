"""The few SVG elements that all plots are drawn with. Pure.

Drawn by hand: a library of plots would be the largest of all our dependencies.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

WIDTH = 860  # of every picture
INK, GRID = "#333333", "#d9d9d9"
BLUE, ORANGE, PURPLE, GREEN, RED = "#1f5fa8", "#d98a1f", "#7a4fa3", "#2f8f5b", "#c2412d"


def picture(height: float, parts: Iterable[str], *, size: int = 12) -> str:
    """All of it, on white; `size` is the letters'."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}"'
        f' viewBox="0 0 {WIDTH} {height:g}" font-family="sans-serif" font-size="{size}" fill="{INK}">'
    )
    ground = f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int | None = None) -> str:
    """Words that begin, end or have their middle (`anchor`) at a point."""
    letters = "" if size is None else f' font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{letters}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = GRID) -> str:
    """From one point to another."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def curve(points: Iterable[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    """Through all of them; a dashed one is thin."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    look = ' stroke-dasharray="5 4"' if dashed else ' stroke-width="2"'
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{look}/>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled one."""
    return f'<rect x="{x:g}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" fill="{colour}"/>'
