"""Every parameter and every flag there is, one table. Pure.

The parser refuses what is not in it and takes its hints from it; the table of docs/transformations.md is
made from it. How a value is read is written in the module of its step.
"""

from __future__ import annotations

from typing import get_args

from msgspec import Struct

from atoll.transformation.effects import EFFECTS
from atoll.transformation.refusals import closest
from atoll.transformation.steps import Mode


class Parameter(Struct, frozen=True):
    """One parameter `key_`.

    `word` is its long name. `values` and `meaning` are for the documentation, in Markdown. `place` completes
    "it …" when the parameter stands where it means nothing, and `nearest` is then what could be said.
    """

    word: str
    values: str
    meaning: str
    example: str
    place: str = "cannot stand here"
    nearest: str = "w_300"


class Flag(Struct, frozen=True):
    """One flag of `fl_`; fields as in `Parameter`."""

    meaning: str
    place: str = "cannot stand here"
    nearest: str = "w_300"


_WITH_SIZE = "needs a size beside it"
_OUTSIDE = "is about the whole result, and stands behind the end of the layer"
_END = "fl_layer_apply"

PARAMETERS: dict[str, Parameter] = {
    "w": Parameter(
        "width", "pixels, 1 to 4096; a fraction with a point, `0.5`; `auto`",
        "Width. A fraction is of the picture at that moment. `auto` takes the client's hint.", "w_300",
        "stands with fl_layer_apply only as fl_relative,w_ and a fraction", "fl_layer_apply.relative,w_0.3",
    ),
    "h": Parameter(
        "height", "pixels, 1 to 4096; a fraction with a point", "Height.", "h_0.5",
        "stands with fl_layer_apply only as fl_relative,h_ and a fraction", "fl_layer_apply.relative,h_0.3",
    ),
    "ar": Parameter(
        "aspect_ratio", "`16:9`, `1.91:1`, `1.5`",
        "Shape: with one of `w`, `h` the other follows. Alone with `c_fill`, `c_crop` or `c_pad`: the "
        "largest section, or smallest canvas, of that shape.",
        "ar_16:9,c_fill,w_640", _WITH_SIZE, "ar_16:9,c_fill,w_640",
    ),
    "dpr": Parameter(
        "device_pixel_ratio", "0.1 to 10; `auto`",
        "Multiplies the pixels of this component. `auto` takes the client's hint. Not with `c_crop`.",
        "dpr_2,w_300", _WITH_SIZE, "dpr_2,w_300",
    ),
    "c": Parameter(
        "crop", "`scale` `fit` `limit` `pad` `lpad` `fill` `lfill` `crop` `thumb`",
        "How width and height are met. Without it: `scale`.", "c_fill,h_200,w_300", _WITH_SIZE,
        "c_fill,h_200,w_300",
    ),
    "g": Parameter(
        "gravity",
        "`north_west` `north` … `south_east`, `center`; `face`, `faces`; `auto`, `auto:entropy`; `xy_center`",
        "What is kept of the picture, or where it lies on its canvas, or where a layer is laid.",
        "c_thumb,g_face,h_90,w_90", "needs c_crop, c_fill, c_lfill, c_thumb, c_pad, c_lpad or fl_layer_apply",
        "c_fill,g_face,h_200,w_300",
    ),
    "x": Parameter(
        "x", "pixels, also below 0; a fraction with a point",
        "Way from the edge that `g` names inwards, or to the right of the middle. With `g_xy_center`: where "
        "the middle of the section is.",
        "c_crop,h_100,w_100,x_20,y_30", "needs a mode that cuts or pads, or fl_layer_apply",
        "c_crop,h_100,w_100,x_20,y_30",
    ),
    "y": Parameter(
        "y", "as `x`", "The same, downwards.", "fl_layer_apply,g_south,y_10",
        "needs a mode that cuts or pads, or fl_layer_apply", "c_crop,h_100,w_100,x_20,y_30",
    ),
    "z": Parameter(
        "zoom", "0.1 to 10", "Above 1: nearer to the face.", "c_thumb,g_face,h_90,w_90,z_0.7",
        "needs c_thumb with g_face or g_faces", "c_thumb,g_face,h_90,w_90,z_0.7",
    ),
    "a": Parameter(
        "angle", "degrees, −360 to 360; `hflip`, `vflip`, both joined by a point and before degrees; `auto`",
        "Mirrored, then turned clockwise. `auto` is what always happens: upright, as the camera was held.",
        "a_hflip.15",
    ),
    "e": Parameter(
        "effect", "a name, mostly with `:level`; `art:NAME`", "One effect. All are in the table of effects.",
        "e_sepia:50",
    ),
    "r": Parameter(
        "radius", "pixels, 0 to 4096; up to four joined by `:`; `max`",
        "Corners cut round, transparent outside. Several as in CSS: from the top left, clockwise.", "r_max",
    ),
    "bo": Parameter(
        "border", "`WIDTHpx_solid_COLOUR`, width 0 to 200",
        "A line around the picture. It follows round corners that the same component cuts.",
        "bo_4px_solid_white,r_20",
    ),
    "b": Parameter(
        "background", "a colour", "What lies under everything transparent: padding, corners, alpha.",
        "b_white,c_pad,h_300,w_300",
    ),
    "o": Parameter("opacity", "0 to 100", "Percent of how opaque it is.", "o_60"),
    "l": Parameter(
        "overlay", "`PUBLIC_ID` with `:` for `/`; `text:FONT_SIZE:TEXT`, after the size also `_bold`, "
        "`_italic`, `_center`, `_right`",
        "Begins a layer. Components up to `fl_layer_apply` are done to the layer.",
        "co_white,l_text:sans_40:Hello/fl_layer_apply,g_south,y_20", "cannot stand in another layer",
        "fl_layer_apply",
    ),
    "co": Parameter(
        "color", "a colour", "Colour of a text.", "co_gold,l_text:sans_40:Hello",
        "needs l_text in the same component", "co_gold,l_text:sans_40:Hello",
    ),
    "f": Parameter(
        "format", "`jpg` `png` `webp` `avif` `gif`; `auto`",
        "Format of the result. `auto`: the smallest that the client says it can show.", "f_auto", _OUTSIDE,
        _END,
    ),
    "q": Parameter(
        "quality", "1 to 100; `auto`, `auto:low` `auto:eco` `auto:good` `auto:best`",
        "Quality of the result. `auto` chooses it from the picture.", "q_auto", _OUTSIDE,
        _END,
    ),
    "pg": Parameter(
        "page", "1 to 999", "This frame of an animation, as a still picture.", "pg_1", _OUTSIDE,
        _END,
    ),
    "d": Parameter(
        "default_image", "`PUBLIC_ID` with `:` for `/`", "Delivered when the image asked for is missing.",
        "d_avatars:nobody", _OUTSIDE, _END,
    ),
    "fl": Parameter(
        "flags", "flags joined by points", "Switches. All are in the table of flags.", "fl_progressive"
    ),
    "t": Parameter(
        "transformation", "letters, digits, `_`, `-`; up to 64", "What the bucket calls by this name.",
        "t_thumbnail", "stands alone in a component, outside of layers", "t_thumbnail",
    ),
}  # fmt: skip

FLAGS: dict[str, Flag] = {
    "layer_apply": Flag(
        "Ends a layer and lays it on the picture, with `g`, `x`, `y`, `o` beside it",
        "ends a layer, and none is open",
        "l_logo/fl_layer_apply",
    ),
    "tiled": Flag(
        "The layer is repeated over the whole picture",
        "stands with fl_layer_apply",
        "fl_layer_apply.tiled",
    ),
    "relative": Flag(
        "In a layer, fractions of `w` and `h` are of the picture it is laid on; also beside `fl_layer_apply`",
        "stands in a layer, with w_ or h_ and a fraction",
        "fl_layer_apply.relative,w_0.3",
    ),
    "progressive": Flag("JPEG that appears coarse first and then sharpens", _OUTSIDE, _END),
    "lossy": Flag("PNG, GIF and WebP may lose detail to become smaller", _OUTSIDE, _END),
    "strip_profile": Flag("No colour profile in the file; colours are sRGB", _OUTSIDE, _END),
    "keep_profile": Flag("Colours are not converted; the source's profile stays in the file", _OUTSIDE, _END),
    "keep_iptc": Flag(
        "Copyright and author stay in the file; all other metadata is always removed", _OUTSIDE
    ),
    "attachment": Flag("The browser saves it; `attachment:NAME` under that name", _OUTSIDE, _END),
}


def nearest_parameter(word: str) -> str:
    """What somebody may have meant who wrote `word`, which is no parameter."""
    for key, parameter in PARAMETERS.items():
        if word == parameter.word or word.startswith(f"{parameter.word}_"):
            return _filled(key, word.removeprefix(parameter.word))
    name = word if word in (values := _values()) else word.partition("_")[0]
    keys = {parameter.word: key for key, parameter in PARAMETERS.items()} | {key: key for key in PARAMETERS}
    near = closest(name, [*values, *keys])
    return values[near] if near in values else _filled(keys[near], word[len(name) :])


def _filled(key: str, value: str) -> str:
    """`key` with the value that was said, if that is a number, or else an example."""
    is_number = value[:1] == "_" and value[1:8].replace(".", "", 1).isdigit()
    return f"{key}{value[:8]}" if is_number else PARAMETERS[key].example


def _values() -> dict[str, str]:
    """What is often written without its key: `sepia` for `e_sepia`."""
    effects = {
        name: PARAMETERS["e"].example if rule.levels else f"e_{name}" for name, rule in EFFECTS.items()
    }
    effects |= {name: f"e_{name}" for name, rule in EFFECTS.items() if rule.levels and rule.levels.default}
    modes = {mode: f"c_{mode},h_200,w_300" for mode in get_args(Mode) if mode != "crop"}
    flags = {name: f"fl_{name}" for name in FLAGS}
    return {**effects, **modes, **flags}
