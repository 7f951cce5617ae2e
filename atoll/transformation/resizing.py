"""`c_ w_ h_ ar_ g_ x_ y_ z_ dpr_` of one component as a `Resize`: what may stand together. Pure.

Equal requests become equal steps: a shape and a density are worked into pixels as soon as all are known
(`folded`), a gravity that nobody said is filled in, and what means nothing for the mode is refused.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from msgspec.structs import replace

from atoll.transformation.component import Component
from atoll.transformation.limits import Limits
from atoll.transformation.numbers import multiplied, ratio, scaled
from atoll.transformation.refusals import refused
from atoll.transformation.steps import Compass, Found, Gravity, Mode, Offset, Resize, Share
from atoll.transformation.values import FARTHEST, choice, decimal, offset, side, spelt_length, width

MODES: tuple[str, ...] = get_args(Mode)
COMPASS: tuple[str, ...] = get_args(Compass)
GRAVITIES = (*COMPASS, *get_args(Found), "xy_center")
_CUTTING = {"crop", "fill", "lfill", "thumb"}
_PLACING = _CUTTING | {"pad", "lpad"}
SHAPE_ALONE = {"crop", "fill", "pad"}
_SIZES = ("w", "h", "ar")


def read_resize(component: Component, limits: Limits, *, in_layer: bool) -> Resize | None:
    """The resize that `component` says, or None when it says none."""
    if not any(component.has(key) for key in ("c", *_SIZES)):
        return None
    mode = cast(Mode, component.take("c", lambda key, text: choice(key, text, MODES)) or "scale")
    said = Resize(
        mode=mode,
        width=component.take("w", width(limits)),
        height=component.take("h", side(limits)),
        aspect=component.take("ar", _aspect),
        zoom=component.take("z", lambda key, text: decimal(key, text, 0.1, 10)) or 1.0,
        dpr=component.take("dpr", _density) or 1.0,
        relative=in_layer and component.take_flag("relative") is not None,
    )
    _check_size(said, component)
    placed = _placed(said, component)
    _check_zoom(placed, component)
    return folded(placed, limits)


def _aspect(key: str, text: str) -> tuple[int, int]:
    found = ratio(text)
    if found is None:
        raise refused(key, f"{key}_{text}", "a shape is 16:9, 1.91:1 or 1.5; up to 100 to 1", f"{key}_16:9")
    return found


def _density(key: str, text: str) -> float | Literal["auto"]:
    return "auto" if text == "auto" else decimal(key, text, 0.1, 10)


def read_gravity(key: str, text: str) -> Gravity:
    """Any gravity. `auto:attention` is the long name of `auto`."""
    text = "auto" if text == "auto:attention" else text
    return cast(Gravity, choice(key, text, GRAVITIES))


def _check_size(said: Resize, component: Component) -> None:
    lengths = [length for length in (said.width, said.height) if length is not None]
    if not lengths and (said.aspect is None or said.mode not in SHAPE_ALONE):
        shape = f"ar_{said.aspect[0]}:{said.aspect[1]}," if said.aspect else ""
        near = f"{shape}c_{said.mode},w_300"
        raise component.contradiction("w", f"c_{said.mode} needs w_ or h_", near)
    if len(lengths) == 2 and said.aspect:
        why = "w_, h_ and ar_ together say the shape twice"
        raise component.contradiction("ar", why, f"c_{said.mode},{_written(said)}")
    if said.mode == "crop" and (said.dpr != 1.0 or said.width == "auto"):
        why = "c_crop takes pixels of the picture, which neither dpr_ nor w_auto can change"
        raise component.contradiction("dpr" if said.dpr != 1.0 else "w", why, f"c_fill,{_written(said)}")
    if not lengths and said.dpr != 1.0:
        raise component.contradiction("dpr", "dpr_ multiplies w_ or h_, and none is there", "dpr_2,w_300")
    _check_relative(said, component)


def _check_relative(said: Resize, component: Component) -> None:
    lengths = [length for length in (said.width, said.height) if length is not None]
    if said.relative and (said.mode == "crop" or not all(isinstance(length, Share) for length in lengths)):
        why = "fl_relative needs w_ or h_ as a fraction, and cuts nothing out"
        raise component.contradiction("fl", why, "fl_relative,w_0.3")


def _written(said: Resize) -> str:
    """Width and height as they are written, for a hint."""
    parts = [("h", said.height), ("w", said.width)]
    return ",".join(f"{key}_{spelt_length(v)}" for key, v in parts if v is not None) or "w_300"


def _placed(said: Resize, component: Component) -> Resize:
    """With gravity and offsets, as far as they mean something for the mode."""
    if said.mode not in _PLACING:
        return said
    gravity = component.take("g", read_gravity)
    x, y = component.take("x", offset), component.take("y", offset)
    offsets_said = x is not None or y is not None
    if gravity is None:  # a section that is given by its corner starts at that corner, as in Cloudinary
        gravity = "north_west" if said.mode == "crop" and offsets_said else "center"
    if said.mode not in _CUTTING and gravity not in COMPASS:
        raise component.contradiction(
            "g", f"c_{said.mode} cuts nothing: the picture lies at a compass point", "g_center"
        )
    if gravity == "xy_center":
        return _around_point(said, x, y, component)
    if offsets_said and gravity not in COMPASS:
        why = f"g_{gravity} finds its place by itself; x_ and y_ need a compass point or xy_center"
        raise component.contradiction("x" if x is not None else "y", why, "g_north_west")
    return replace(said, gravity=gravity, x=x or 0, y=y or 0)


def _around_point(said: Resize, x: Offset | None, y: Offset | None, component: Component) -> Resize:
    if x is None or y is None:
        missing = "x" if x is None else "y"
        why = "g_xy_center needs both x_ and y_"
        raise component.contradiction(missing, why, f"g_xy_center,x_{_or(x)},y_{_or(y)}")
    return replace(said, gravity="xy_center", x=x, y=y)


def _or(value: Offset | None) -> str:
    return "100" if value is None else spelt_length(value)


def _check_zoom(said: Resize, component: Component) -> None:
    if said.zoom != 1.0 and (said.mode != "thumb" or said.gravity not in {"face", "faces"}):
        why = "z_ needs c_thumb with g_face or g_faces"
        raise component.contradiction("z", why, "c_thumb,g_face,h_90,w_90,z_0.7")


def folded(said: Resize, limits: Limits) -> Resize:
    """With density and shape worked into the lengths, unless an `auto` is still open."""
    if said.dpr == "auto" or said.width == "auto":
        return said
    wide, high = _denser(said.width, said.dpr), _denser(said.height, said.dpr)
    if said.aspect and isinstance(wide, int):
        high = scaled(wide, said.aspect[1], said.aspect[0])
    elif said.aspect and isinstance(high, int):
        wide = scaled(high, *said.aspect)
    return _shifted(
        replace(
            said,
            width=_checked("w", wide, limits),
            height=_checked("h", high, limits),
            aspect=said.aspect if wide is None or high is None else None,
        )
    )


def _denser(length: int | Share | None, factor: float) -> int | Share | None:
    if isinstance(length, Share):
        return Share(round(length.of * factor, 3))
    return None if length is None else multiplied(length, factor)


def _shifted(said: Resize) -> Resize:
    """With density worked into the offsets too: they are pixels of the result, except around a point."""
    if said.gravity == "xy_center" or said.dpr == "auto":
        return replace(said, dpr=1.0)
    return replace(said, x=_farther(said.x, said.dpr), y=_farther(said.y, said.dpr), dpr=1.0)


def _farther(way: Offset, factor: float) -> Offset:
    if isinstance(way, Share):
        return way
    return min(max(multiplied(way, factor), -FARTHEST), FARTHEST)


def _checked(key: str, length: int | Share | None, limits: Limits) -> int | Share | None:
    """What the result of a multiplication may be. The smallest are made valid, too large ones are refused."""
    if isinstance(length, int) and length > limits.side:
        why = f"with ar_ and dpr_ it is {length} pixels, and a side has at most {limits.side}"
        raise refused(key, f"{key}_{length}", why, f"{key}_{limits.side}")
    if isinstance(length, Share):
        return Share(decimal(key, spelt_length(Share(max(length.of, 0.001))), 0.001, 10))
    return None if length is None else max(length, 1)
