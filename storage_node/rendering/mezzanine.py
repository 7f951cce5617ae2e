"""A smaller copy to render from, for pictures that take long to decode: HEIC. Pure; asked by the daemon.

HEIC has no short cut to fewer pixels: 12 megapixels take half a second, for a thumbnail too. So the first
derivative of one leaves a copy of at most 2,048 pixels a side, itself an ordinary derivative (`MEZZANINE`),
and whatever needs no pixel more is made of that. It keeps the profile and who holds the rights, so that no
flag of a later transformation finds less in it than in the picture. The picture's first page only; with
transparency it is a PNG. What is wanted at full size, or of another page, is made of the picture itself.
"""

from __future__ import annotations

from atoll.model import Picture
from atoll.transformation.steps import Delivery, Resize, Transformation
from storage_node.rendering.fitting import boxes_of
from storage_node.rendering.planning import decode_scale

SIDE = 2_048
SLOW = frozenset({"heic"})  # extensions of what has no cheap way to fewer pixels
MEZZANINE = Transformation(
    (Resize("limit", SIDE, SIDE),), Delivery(quality=90, profile="keep", keep_iptc=True)
)  # delivered as jpg, or png where there is transparency


def has_mezzanine(ext: str, picture: Picture) -> bool:
    """Whether a picture is so slow, and so much larger, that a copy is worth having."""
    return ext in SLOW and max(picture.width, picture.height) > SIDE


def suffices(picture: Picture, wanted: Transformation, max_side: int) -> bool:
    """Whether the mezzanine has every pixel that `wanted` (without names and hints) needs of the picture."""
    if wanted == MEZZANINE or wanted.page is not None:
        return False
    size = picture.width, picture.height
    scale = decode_scale(size, wanted.steps, boxes_of(picture.faces, size), max_side)
    return scale * max(size) <= SIDE + 0.5
