"""Where pixels go: every `c_` mode as arithmetic on sizes. Pure; touches no picture.

A resize is three steps that any mode is made of: take a window of the picture, bring it to a size, lay that
on a canvas. `fit_in` decides the three sizes; where the window and the picture on its canvas lie is said with
`anchored`, `around` and `held_inside`. Because the sizes do not depend on the places, how far a source may be
scaled down while it is decoded is known before a pixel is (`Fitting.scale`).

All sizes are (width, height) in pixels, never below 1. Positions run from the top left corner. Called by
`resizing`, `overlays` and `planning`, its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Size = tuple[int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

Mode = Literal["scale", "fit", "limit", "pad", "lpad", "fill", "lfill", "crop", "thumb"]

# The part of the free space that lies left of, and above, what is placed.
ANCHORS: dict[str, Point] = {
    "north_west": (0.0, 0.0), "north": (0.5, 0.0), "north_east": (1.0, 0.0),
    "west": (0.0, 0.5), "center": (0.5, 0.5), "east": (1.0, 0.5),
    "south_west": (0.0, 1.0), "south": (0.5, 1.0), "south_east": (1.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """What a resize asks for, in pixels (density already applied); None: not said.

    `ratio` is width divided by height; with both sides said it has no effect. A thumb shows its `subject`
    (the size of what it is about, in the picture's pixels) with some air around it, or else what a fill
    shows; `zoom` above 1 makes its window smaller, below 1 larger.
    """

    mode: Mode
    width: float | None = None
    height: float | None = None
    ratio: float | None = None
    zoom: float = 1.0
    subject: Point | None = None


_AIR = 1.6  # a thumb's window shows so many times its subject: a face with its hair and neck


@dataclass(frozen=True, slots=True)
class Fitting:
    """The sizes of a resize: `window` of the picture is brought to `size` and laid on `canvas`."""

    window: Point  # width and height; not whole numbers where the shape asks for a part of a pixel
    size: Size
    canvas: Size

    @property
    def scale(self) -> float:
        """Pixels made of each pixel of the window, along the side that needs more: 0.25 needs a quarter."""
        return max(self.size[0] / self.window[0], self.size[1] / self.window[1])


def fit_in(source: Size, ask: Ask) -> Fitting:
    """The sizes for a picture of `source`. Any numbers above 0 have an answer."""
    wanted = _wanted(source, ask)
    match ask.mode:
        case "scale":
            return _whole(source, (_side(wanted[0]), _side(wanted[1])))
        case "fit":
            return _whole(source, _inside(source, wanted, grow=True))
        case "limit":
            return _whole(source, _inside(source, wanted, grow=False))
        case "pad":
            return _padded(source, wanted, grow=True)
        case "lpad":
            return _padded(source, wanted, grow=False)
        case "fill":
            return _filled(source, wanted, 1.0, grow=True)
        case "lfill":
            return _filled(source, wanted, 1.0, grow=False)
        case "thumb":
            return _filled(source, wanted, _thumb_zoom(source, wanted, ask), grow=True)
        case "crop":
            return _cut(source, wanted)


def _wanted(source: Size, ask: Ask) -> Point:
    """Both sides of the box that is asked for.

    A missing side follows from `ratio`, or else from the picture's shape. With neither side said, it is the
    largest box of that ratio inside the picture, and for padding the smallest around it.
    """
    ratio = ask.ratio or source[0] / source[1]
    if ask.width and ask.height:
        return ask.width, ask.height
    if ask.width:
        return ask.width, ask.width / ratio
    if ask.height:
        return ask.height * ratio, ask.height
    wide = source[0] / source[1] > ratio
    keep_height = wide != (ask.mode in {"pad", "lpad"})
    return (source[1] * ratio, source[1]) if keep_height else (source[0], source[0] / ratio)


def _whole(source: Size, size: Size) -> Fitting:
    return Fitting(source, size, size)


def _inside(source: Size, box: Point, *, grow: bool) -> Size:
    """The largest size of the picture's shape inside `box`."""
    scale = min(box[0] / source[0], box[1] / source[1])
    scale = scale if grow else min(1.0, scale)
    return (
        min(_side(source[0] * scale), _side(box[0])),
        min(_side(source[1] * scale), _side(box[1])),
    )


def _padded(source: Size, box: Point, *, grow: bool) -> Fitting:
    return Fitting(source, _inside(source, box, grow=grow), (_side(box[0]), _side(box[1])))


def _filled(source: Size, box: Point, zoom: float, *, grow: bool) -> Fitting:
    """The box's shape cut out of the picture, as large as it goes, or smaller by `zoom` (1 or more)."""
    cover = max(box[0] / source[0], box[1] / source[1]) * zoom
    if not grow and cover > 1.0:  # never a pixel made of less than one
        return _cut(source, box)
    window = min(source[0], box[0] / cover), min(source[1], box[1] / cover)
    size = _side(box[0]), _side(box[1])
    return Fitting(window, size, size)


def _thumb_zoom(source: Size, box: Point, ask: Ask) -> float:
    """How much smaller than a fill's window a thumb's is; a window larger than the picture is the picture."""
    if ask.subject is None:
        return max(1.0, ask.zoom)
    fill = min(source[0] / box[0], source[1] / box[1])  # pixels of the picture for one of the box
    needed = max(ask.subject[0] / box[0], ask.subject[1] / box[1]) * _AIR
    return max(1.0, fill / needed * ask.zoom)


def _cut(source: Size, box: Point) -> Fitting:
    """A window of this very size, or as much of it as there is: no pixel changes."""
    size = min(source[0], _side(box[0])), min(source[1], _side(box[1]))
    return Fitting(size, size, size)


def _side(value: float) -> int:
    return max(1, round(value))


def anchored(outer: Point, inner: Point, anchor: Point, offset: Point = (0.0, 0.0)) -> Point:
    """Top left corner of `inner` in `outer`: at the anchor, moved inwards from its edge by `offset`.

    From the right or bottom edge inwards is left or up; at a centre, right and down.
    """
    return (
        _along(outer[0], inner[0], anchor[0], offset[0]),
        _along(outer[1], inner[1], anchor[1], offset[1]),
    )


def _along(outer: float, inner: float, anchor: float, offset: float) -> float:
    return (outer - inner) * anchor + (-offset if anchor == 1.0 else offset)


def around(point: Point, inner: Point) -> Point:
    """Top left corner of `inner` with its centre at `point`."""
    return point[0] - inner[0] / 2, point[1] - inner[1] / 2


def held_inside(corner: Point, outer: Point, inner: Point) -> Point:
    """`corner` moved as little as it takes for `inner` to lie inside `outer`, which is no smaller."""
    return (
        min(max(corner[0], 0.0), max(outer[0] - inner[0], 0.0)),
        min(max(corner[1], 0.0), max(outer[1] - inner[1], 0.0)),
    )


def box_at(corner: Point, size: Point) -> Box:
    """The box of `size` with its top left at `corner`."""
    return corner[0], corner[1], corner[0] + size[0], corner[1] + size[1]


def in_scale(box: Box, nominal: Size, extent: Box) -> Box:
    """`box` of a picture of `nominal` size, in the pixels of a copy at another scale, whose part `extent` is
    the picture."""
    left, top, right, bottom = extent
    across, down = (right - left) / nominal[0], (bottom - top) / nominal[1]
    return (
        max(left + box[0] * across, left),
        max(top + box[1] * down, top),
        min(left + box[2] * across, right),
        min(top + box[3] * down, bottom),
    )
