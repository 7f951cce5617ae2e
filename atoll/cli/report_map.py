"""The map: land, regions where they stand, their nodes and how they are. Pure.

Longitude and latitude are drawn as they are (plate carrée), from 84° north to 58° south.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.cli.report_drawing import Anchor, Dot, Drawing, Line, Role, Words
from atoll.client.views import NodeView, RegionView
from atoll.land import land

NORTH, SOUTH = 84.0, -58.0
UNIT = 2.0  # of the drawing, in a degree
NODES_DRAWN = 12  # of a region; more are a number
LABEL_SIZE = 12.0


def map_of(regions: Sequence[RegionView], nodes: Sequence[NodeView]) -> Drawing:
    """All regions and their nodes."""
    drawing = Drawing(360 * UNIT, (NORTH - SOUTH) * UNIT, "Map of regions and nodes")
    for ring in land():
        points = tuple(_place(lon, lat) for lon, lat in ring)
        drawing.add(Line(points, stroke="none", fill="land", closed=True))
    for lat in (60, 30, 0, -30):
        drawing.add(Line((_place(-180, lat), _place(180, lat)), stroke="grid", width=0.6))
    for lon in range(-120, 180, 60):
        drawing.add(Line((_place(lon, NORTH), _place(lon, SOUTH)), stroke="grid", width=0.6))
    labels: list[tuple[float, float, float]] = []
    for region in sorted(regions, key=lambda r: (-r.lat, r.name)):
        here = [node for node in nodes if node.region == region.name]
        _region(drawing, region, here, labels)
    return drawing


def _place(lon: float, lat: float) -> tuple[float, float]:
    return (lon + 180) * UNIT, (NORTH - max(SOUTH, min(NORTH, lat))) * UNIT


def color_of(nodes: Sequence[NodeView]) -> Role:
    """Of a region: all well, some, or none."""
    well = sum(node.health == "healthy" for node in nodes)
    if nodes and well == len(nodes):
        return "good"
    return "warn" if well else "bad"


def _region(
    drawing: Drawing, region: RegionView, nodes: Sequence[NodeView], labels: list[tuple[float, float, float]]
) -> None:
    x, y = _place(region.lon, region.lat)
    color = color_of(nodes)
    well = sum(node.health == "healthy" for node in nodes)
    tip = f"{region.name}: {well} of {len(nodes)} nodes healthy"
    drawing.add(Dot(x, y, 11, color, opacity=0.25), Dot(x, y, 4.5, color, tip))
    name = region.name[:24]
    side, wide = (-1 if x > 360 * UNIT - 130 else 1), LABEL_SIZE * 0.62 * len(name)
    left = x + side * 15
    label_y = _free(left if side > 0 else left - wide, y + 4, wide, labels)
    anchor: Anchor = "start" if side > 0 else "end"
    drawing.add(Words(left, label_y, name, LABEL_SIZE, "ink", anchor, bold=True))
    _nodes(drawing, left, label_y + 10, side, nodes)


def _free(x: float, y: float, wide: float, labels: list[tuple[float, float, float]]) -> float:
    """Below the labels that stand there already; each is (x, y, width)."""
    while any(x < lx + lw and lx < x + wide and abs(y - ly) < 26 for lx, ly, lw in labels):
        y += 6
    labels.append((x, y, wide))
    return y


def _nodes(drawing: Drawing, left: float, y: float, side: int, nodes: Sequence[NodeView]) -> None:
    for number, node in enumerate(nodes[:NODES_DRAWN]):
        tip = f"{node.name}: {node.health}, set {node.set}"
        color: Role = "good" if node.health == "healthy" else "bad"
        drawing.add(Dot(left + side * (4 + number * 9), y, 3.2, color, tip))
    if len(nodes) > NODES_DRAWN:
        more, at = f"+{len(nodes) - NODES_DRAWN}", left + side * (4 + NODES_DRAWN * 9)
        anchor: Anchor = "start" if side > 0 else "end"
        drawing.add(Words(at, y + 4, more, 10, "muted", anchor))
