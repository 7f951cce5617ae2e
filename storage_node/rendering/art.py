"""The `e_art:` step: named filters, by the pilgram library. Called by `steps`.

pilgram takes some seconds and 650 MB for 16 million pixels, so the size is limited before. It is imported
when the first filter is asked for: it brings numpy, which no other rendering needs, and 25 MB.
"""

from __future__ import annotations

from PIL import Image

from atoll.transformation.steps import Art
from storage_node.rendering.picture import Course, Picture, RenderRefused


def art(picture: Picture, step: Art, course: Course) -> None:
    """Do the step. Raises RenderRefused (too large for a filter)."""
    image = picture.srgb()
    pixels, most = image.width * image.height, course.limits.max_art_pixels
    if pixels > most:
        raise RenderRefused("result_too_large", max_art_pixels=most, pixels=pixels)
    filtered = _filtered(image.convert("RGB"), step.name)
    if image.mode == "RGBA":
        filtered.putalpha(image.getchannel("A"))
    picture.image = filtered


def _filtered(image: Image.Image, name: str) -> Image.Image:
    import pilgram

    change = getattr(pilgram, f"_{name}" if name[0].isdigit() else name)
    result = change(image)
    assert isinstance(result, Image.Image)
    return result
