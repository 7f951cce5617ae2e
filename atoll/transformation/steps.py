"""What a transformation says, as frozen types: steps in their order, then how the result is delivered. Pure.

`parser` makes these, with every default filled in and everything checked that can be checked without the
picture; `canonical` writes them; the rendering engine does them. Inside one component of a URL the steps
have a fixed order, the order of the classes here; over components it is the URL's.

A `Transformation` may still say `auto` (width, dpr, format: `hints` replaces those) and `t_NAME` (`named`
replaces it). The rendering engine gets one without either.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from atoll.transformation.colors import BLACK, Color

Mode = Literal["scale", "fit", "limit", "pad", "lpad", "fill", "lfill", "crop", "thumb"]
Compass = Literal[
    "north_west", "north", "north_east", "west", "center", "east", "south_west", "south", "south_east"
]
Found = Literal["face", "faces", "auto", "auto:entropy"]  # auto: what draws attention
Gravity = Compass | Found | Literal["xy_center"]
Format = Literal["jpg", "png", "webp", "avif", "gif"]
AutoQuality = Literal[
    "auto", "auto:low", "auto:eco", "auto:best"
]  # auto: what Cloudinary also calls auto:good
Profile = Literal["srgb", "strip", "keep"]
Alignment = Literal["left", "center", "right"]


class Share(Struct, frozen=True, tag=True):
    """A length as a fraction of the same side of the picture at that moment; 1.0 is the whole side.

    In a layer with `relative` it is a fraction of the picture that the layer is laid upon.
    """

    of: float


Length = int | Share | Literal["auto"]  # int: pixels; auto: the client's hint, only for a width
Offset = int | Share


class Resize(Struct, frozen=True, tag=True):
    """`c_ w_ h_ ar_ g_ x_ y_ z_ dpr_`: another size, another section, or both.

    There is at least one length, or `aspect`. Lengths in pixels already contain `aspect` and `dpr`: these two
    are only here when they could not be worked in. `aspect` (width, height: reduced) then comes with at most
    one length: the other follows from it, and with none (fill, crop, pad) the result is the largest section,
    or the smallest canvas, of that shape. `dpr` is 1 except beside an `auto` (the hint takes its place) –
    then it multiplies all pixels.
    `x`, `y` move away from the compass point's edge inwards (from the middle: right and down); with
    `xy_center` they are the section's middle in the picture at that moment. `zoom` > 1 goes nearer to the
    face. Gravity and offsets say nothing for scale, fit and limit and are center and 0 there.
    Modes are Cloudinary's: `limit`, `lpad` and `lfill` never enlarge.
    """

    mode: Mode = "scale"
    width: Length | None = None
    height: int | Share | None = None
    aspect: tuple[int, int] | None = None
    gravity: Gravity = "center"
    x: Offset = 0
    y: Offset = 0
    zoom: float = 1.0
    dpr: float | Literal["auto"] = 1.0
    relative: bool = False


class Rotate(Struct, frozen=True, tag=True):
    """`a_`: mirrored left to right first if `mirror`, then turned clockwise by `degrees`, 0 ≤ degrees < 360.

    Corners that appear are transparent. (EXIF orientation is always applied, before any step.)
    """

    degrees: float = 0.0
    mirror: bool = False


class Effect(Struct, frozen=True, tag=True):
    """`e_`: one effect of `effects.EFFECTS` with its level, whose range and default are written there.

    `level` is None for effects without one, and for pixelate when the picture's size decides.
    """

    name: str
    level: int | None = None


class Art(Struct, frozen=True, tag=True):
    """`e_art:`: one of the named filters, `effects.FILTERS`."""

    name: str


class Border(Struct, frozen=True):
    """`bo_`: a solid line of `width` pixels around the picture, which grows by twice that."""

    width: int
    color: Color = BLACK


class Frame(Struct, frozen=True, tag=True):
    """`r_` and `bo_`: corners cut round (outside is transparent), then a border that follows them.

    `radius` in pixels: top left, top right, bottom right, bottom left; `max` makes an ellipse.
    """

    radius: tuple[int, int, int, int] | Literal["max"] = (0, 0, 0, 0)
    border: Border | None = None


class Background(Struct, frozen=True, tag=True):
    """`b_`: what is transparent – padding, corners, alpha – lies on this colour from here on."""

    color: Color


class Opacity(Struct, frozen=True, tag=True):
    """`o_`: alpha times `percent`, 0 ≤ percent < 100."""

    percent: int


LayerStep = Resize | Rotate | Effect | Art | Frame | Background | Opacity


class ImageLayer(Struct, frozen=True, tag=True):
    """`l_PUBLIC_ID`: the current picture of an asset of the same bucket; of an animation its first frame."""

    public_id: str


class TextLayer(Struct, frozen=True, tag=True):
    """`l_text:`: plain text (NFC; `\\n` is a new line; no markup), `size` in pixels. `font` is lower
    case, its words parted by one space."""

    text: str
    font: str
    size: int
    bold: bool = False
    italic: bool = False
    align: Alignment = "left"
    color: Color = BLACK


class Overlay(Struct, frozen=True, tag=True):
    """A layer: `source` made ready by `steps`, then laid on the picture, over and over if `tiled`.

    `x`, `y` as in `Resize`: inwards from the compass point. What hangs over the edge is cut off.
    """

    source: ImageLayer | TextLayer
    steps: tuple[LayerStep, ...] = ()
    gravity: Compass = "center"
    x: Offset = 0
    y: Offset = 0
    opacity: int = 100
    tiled: bool = False


class Named(Struct, frozen=True, tag=True):
    """`t_NAME`: the steps (and delivery) that the bucket calls by this name."""

    name: str


Step = LayerStep | Overlay | Named


class Delivery(Struct, frozen=True):
    """How the result is written: said anywhere in the URL, done at its end.

    `format` None: the source's own, where that can be written, else jpg or png. `quality` None: the
    engine's default for the format. `profile`: pixels converted to sRGB (the default), the same with no
    profile in the file, or left in the source's own space with its profile. `attachment`: None, or the file
    name for the browser's "save as", empty for the image's own.
    """

    format: Format | Literal["auto"] | None = None
    quality: int | AutoQuality | None = None
    progressive: bool = False
    lossy: bool = False
    profile: Profile = "srgb"
    keep_iptc: bool = False
    attachment: str | None = None


class Transformation(Struct, frozen=True):
    """A whole request. With nothing in it, it still decodes, turns upright, strips metadata and encodes.

    `page`: the frame of an animation that is used, from 1; None keeps the animation where the format can.
    `fallback`: public_id of the image (same bucket) that is delivered when the one asked for is missing.
    """

    steps: tuple[Step, ...] = ()
    delivery: Delivery = Delivery()
    page: int | None = None
    fallback: str | None = None
