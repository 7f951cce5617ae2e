"""What the node asks a rendering worker, and what that answers: one frame each, JSON. Pure.

Spoken between `renderer` (in the daemon) and `render_worker` (in the sandbox). Pixels never cross: the worker
reads the source and writes the derivative itself, and tells what it wrote. The daemon takes the answer for
data from a stranger: it is typed, bounded and checked on arrival.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from atoll.model import Face
from atoll.transformation.steps import Format, Transformation
from storage_node.inspection_protocol import InspectionLimits, Positive

MAX_FONT_BYTES = 32 << 20  # of a font file; the largest real ones, for Chinese, have some 20 MB


class RenderLimits(Struct, frozen=True):
    """What one rendering may take and make: `source` bounds every file it opens, before it is decoded."""

    source: InspectionLimits = InspectionLimits()
    max_side: Positive = 4_096  # of the result, and of everything made on the way to it
    max_output_frame_pixels_sum: Positive = 50_000_000  # an animation's frames, at their final size
    max_art_pixels: Positive = 4_200_000  # the named filters take most of a second per million


class PictureFile(Struct, frozen=True):
    """A file (absolute path) that `decoder`, a Pillow plugin, and no other may open.

    `stands_for`: the displayed size of the picture that this is a smaller copy of, and that steps are about.
    """

    path: str
    decoder: str
    stands_for: tuple[Positive, Positive] | None = None


class FontFile(Struct, frozen=True):
    """A font (absolute path). `weight`: on the weight axis of a variable one; None: as the file is."""

    path: str
    weight: Annotated[int, Meta(ge=1, le=1000)] | None = None


class FontFamily(Struct, frozen=True):
    """The files of a family's styles, at least one."""

    regular: FontFile | None = None
    bold: FontFile | None = None
    italic: FontFile | None = None
    bold_italic: FontFile | None = None


class RenderRequest(Struct, frozen=True):
    """Make `output` (absolute path; what lies there is overwritten) of `source`.

    `transformation` says no `auto` and no `t_NAME` any more. `format` decides how the result is written;
    "plain" leaves jpg or png to the worker, png where there is transparency; None is the source's own format,
    and plain where that cannot be written. `layers`: the file of every public_id
    that overlays name. `faces`: None means nobody has looked for any. `fonts`: by the name that texts say.
    """

    source: PictureFile
    output: str
    transformation: Transformation
    format: Format | Literal["plain"] | None
    layers: dict[str, PictureFile]
    faces: tuple[Face, ...] | None
    limits: RenderLimits
    fonts: dict[str, FontFamily] = {}


Bytes = Annotated[int, Meta(ge=0)]


class Rendered(Struct, frozen=True, tag="ok"):
    """What was written, and what it took.

    `frames` above 1: an animation. `focus_missing`: `g_face` was asked for, no face is known, and what
    draws attention was taken instead. `peak_bytes`: the worker's resident memory at its highest during this
    job, interpreter included.
    """

    format: Format
    size_bytes: Positive
    width: Positive
    height: Positive
    frames: Positive
    focus_missing: bool
    seconds: Annotated[float, Meta(ge=0)]
    cpu_seconds: Annotated[float, Meta(ge=0)]
    peak_bytes: Bytes


RenderRefusalCode = Literal[
    "truncated", "undecodable", "out_of_memory", "too_many_pixels", "too_many_frames", "too_many_parts",
    "unreadable",
    "result_too_large", "no_such_page", "faces_unknown", "layer_missing", "layer_too_large", "font_missing",
    "not_written",
]  # fmt: skip


class RenderRefusal(Struct, frozen=True, tag="refused"):
    """Why not, with the numbers to it. `unreadable` and `not_written` are the node's own fault."""

    code: RenderRefusalCode
    facts: dict[str, int] = {}


REQUEST_ENCODER = json.Encoder()
REQUEST_DECODER = json.Decoder(RenderRequest)
REPLY_ENCODER = json.Encoder()
REPLY_DECODER: json.Decoder[Rendered | RenderRefusal] = json.Decoder(Rendered | RenderRefusal)
