"""What the node asks an inspection worker, and what that answers: one frame each, JSON. Pure.

Spoken between `inspection` (in the daemon) and `inspection_worker` (in the sandbox). The daemon takes the
answer for data from a stranger: it is typed, bounded and checked on arrival.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from atoll.model import BlurHash, Faces, Picture, PlainColor, ThumbHash

FACES = "faces"  # an argument of the worker: look for them
Positive = Annotated[int, Meta(ge=1)]


class InspectionLimits(Struct, frozen=True):
    """What one picture may be. A frame's pixels are its canvas's, width times height."""

    max_pixels: Positive = 50_000_000
    max_frames: Positive = 60
    max_frame_pixels_sum: Positive = 50_000_000
    max_parts: Positive = 65_536  # of its container: chunks, segments, blocks, strips
    max_scans: Positive = 100  # of a JPEG


class InspectionRequest(Struct, frozen=True):
    """Is the file at `path` (absolute) a picture that `decoder`, a Pillow plugin, decodes within `limits`?"""

    path: str
    decoder: str
    limits: InspectionLimits


class Inspection(Struct, frozen=True, tag="ok"):
    """What decoding found.

    `width` and `height` are of the picture as displayed. `orientation` is the EXIF orientation that whoever
    draws Pillow's pixels still has to apply (1: none; HEIC and TIFF come out upright). A multi-page TIFF and
    a HEIC collection have frames but are not animated. `mode` is Pillow's. The looks are as in `Picture`.
    """

    width: Positive
    height: Positive
    frames: Positive
    animated: bool
    mode: Annotated[str, Meta(max_length=16)]
    orientation: Annotated[int, Meta(ge=1, le=8)]
    thumbhash: ThumbHash = ""
    blurhash: BlurHash = ""
    color: PlainColor = ""
    faces: Faces | None = None

    @property
    def picture(self) -> Picture:
        """The part that the catalog keeps."""
        return Picture(
            self.width, self.height, self.frames, self.thumbhash, self.blurhash, self.color, self.faces
        )


RefusalCode = Literal[
    "truncated", "undecodable", "out_of_memory", "too_many_pixels", "too_many_frames", "too_many_parts",
    "unreadable",
]  # fmt: skip


class Refusal(Struct, frozen=True, tag="refused"):
    """Why not, and the numbers that go with it. Only `unreadable` is not the picture's own fault."""

    code: RefusalCode
    facts: dict[str, int] = {}


REQUEST_ENCODER = json.Encoder()
REQUEST_DECODER = json.Decoder(InspectionRequest)
REPLY_ENCODER = json.Encoder()
REPLY_DECODER: json.Decoder[Inspection | Refusal] = json.Decoder(Inspection | Refusal)
