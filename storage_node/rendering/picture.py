"""A picture between two steps: its pixels, the size they stand for, and what travels with them.

Owned by one job; steps replace `image` and never draw on one that another picture may hold. Called by every
step of the rendering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PIL import Image

from storage_node.render_protocol import FontFamily, RenderLimits, RenderRefusalCode
from storage_node.rendering import colour
from storage_node.rendering.geometry import Box, Point, Size
from storage_node.rendering.resample import resampled
from storage_node.rendering.turned import KEEPS_SIDES, turned


class RenderRefused(Exception):
    """The rendering breaks a limit or lacks something; `code` and `facts` go into the answer."""

    def __init__(self, code: RenderRefusalCode, **facts: int) -> None:
        super().__init__(code)
        self.code: RenderRefusalCode = code
        self.facts = facts


@dataclass
class Picture:
    """`size` is what geometry counts in: larger than `image.size` when that was decoded at a reduced scale.

    `profile`: an ICC profile that the pixels still are in. `faces`: boxes in the pixels of `size`; None when
    nobody has looked for any. `extent`: the part of the pixels that the picture is; None: all of them.
    """

    image: Image.Image
    size: Size
    profile: bytes | None = None
    faces: tuple[Box, ...] | None = None
    extent: Box | None = None

    def become(self, image: Image.Image) -> None:
        """Take over `image`, pixel for pixel what it stands for."""
        self.image, self.size, self.extent = image, image.size, None

    def turn(self, turn: Image.Transpose) -> None:
        """Mirror it, or turn it by quarters."""
        before = self.size
        if self.extent is not None:
            self.extent = turned(self.extent, self.image.size, turn)
        self.image = self.image.transpose(turn)
        self.size = before if turn in KEEPS_SIDES else (before[1], before[0])
        self.move_faces(lambda box: turned(box, before, turn))

    def settle(self) -> Image.Image:
        """Bring the pixels to the size they stand for, after the last step that could have done so."""
        if self.image.size != self.size:
            self.image, self.extent = resampled(self.image, self.size, self.extent), None
        return self.image

    def srgb(self) -> Image.Image:
        """The pixels as L, RGB or RGBA in sRGB, from now on."""
        if self.profile is not None or self.image.mode not in {"L", "RGB", "RGBA"}:
            self.image = colour.to_srgb(self.image, self.profile)
            self.profile = None
        return self.image

    def rgba(self) -> Image.Image:
        """The same with an alpha channel."""
        image = self.srgb()
        return image if image.mode == "RGBA" else image.convert("RGBA")

    def move_faces(self, move: Callable[[Box], Box]) -> None:
        """Follow the pixels, which have moved already; a face that is out of the picture is dropped."""
        if self.faces:
            moved = (move(face) for face in self.faces)
            self.faces = tuple(face for face in moved if self._shows(face))

    def _shows(self, box: Box) -> bool:
        return box[2] > 0 and box[3] > 0 and box[0] < self.size[0] and box[1] < self.size[1]


@dataclass
class Course:
    """What holds for all frames of one job, and what was decided on the first of them.

    `corners`: by the step's place, where a gravity that looks at pixels put its window, so that the frames of
    an animation do not jump. `layers`: overlays made ready. `fonts`: families, by the name that texts say.
    """

    limits: RenderLimits
    fonts: Mapping[str, FontFamily] = field(default_factory=dict)
    corners: dict[str, Point] = field(default_factory=dict)
    layers: dict[str, Image.Image] = field(default_factory=dict)
    focus_missing: bool = False

    def check_size(self, size: Point) -> None:
        """Refuse what is larger than a result may be, before it is made."""
        width, height = round(size[0]), round(size[1])
        if max(width, height) > self.limits.max_side:
            raise RenderRefused("result_too_large", max_side=self.limits.max_side, width=width, height=height)
