"""A picture's looks from its small copy: what `Picture` keeps of them. Pure but for Pillow."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from storage_node.looks.blurhash import blurhash
from storage_node.looks.dominant import dominant
from storage_node.looks.small import small_copy
from storage_node.looks.thumbhash import thumbhash
from storage_node.looks.waves import Colours, Rgb

_OPAQUE = (255, 255)


class Looks(NamedTuple):
    """As in `atoll.model.Picture`; all empty where the pixels are of a kind that nothing here knows."""

    thumbhash: str = ""
    blurhash: str = ""
    color: str = ""


def look(image: Image.Image, turn: int, size: tuple[int, int]) -> Looks:
    """The looks of a loaded picture that is displayed at `size`, after EXIF's orientation `turn`."""
    small = small_copy(image, turn)
    if small is None:
        return Looks()
    colours = _colours(small)
    return Looks(thumbhash(colours, *size), blurhash(colours.coarse), dominant(small.reduce(2)))


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
