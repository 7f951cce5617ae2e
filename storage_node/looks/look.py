"""A picture's looks from its small copy: what `Picture` keeps of them. Pure but for Pillow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from atoll.model import Face
from storage_node.looks.blurhash import blurhash
from storage_node.looks.dominant import dominant
from storage_node.looks.small import small_copy
from storage_node.looks.thumbhash import thumbhash
from storage_node.looks.waves import Colours, Rgb

FindFaces = Callable[[Image.Image, int], tuple[Face, ...] | None]
_OPAQUE = (255, 255)


class Looks(NamedTuple):
    """As in `atoll.model.Picture`; all empty where the pixels are of a kind that nothing here knows."""

    thumbhash: str = ""
    blurhash: str = ""
    color: str = ""
    faces: tuple[Face, ...] | None = None


def look(image: Image.Image, turn: int, size: tuple[int, int], find_faces: FindFaces | None = None) -> Looks:
    """The looks of a loaded picture that is displayed at `size`, after EXIF's orientation `turn`."""
    small = small_copy(image, turn)
    if small is None:
        return Looks()
    colours = _colours(small)
    faces = find_faces(image, turn) if find_faces else None
    return Looks(thumbhash(colours, *size), blurhash(colours.coarse), dominant(small.reduce(2)), faces)


def _colours(small: Image.Image) -> Colours:
    alpha = small.getchannel("A") if small.mode == "RGBA" else None
    if alpha is None or alpha.getextrema() == _OPAQUE:
        flat = small.convert("RGB")
        return Colours(_rgb(flat), _rgb(flat.reduce(2)), None)
    flat = _on_its_mean(small)
    return Colours(_rgb(flat), _rgb(flat.reduce(2)), alpha.tobytes())


def _on_its_mean(small: Image.Image) -> Image.Image:
    """On the mean of what is seen of it: a transparent part then takes nothing from the waves."""
    mean = small.resize((1, 1), Image.Resampling.BOX).convert("RGB")
    flat = mean.resize(small.size)
    flat.paste(small, mask=small)
    return flat


def _rgb(image: Image.Image) -> Rgb:
    red, green, blue = _bands(image)
    return red, green, blue


def _bands(image: Image.Image) -> list[bytes]:
    return [band.tobytes() for band in image.split()]
