"""HEIC and AVIF keep every pixel, and not a word; what is not certain is refused."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable

import pillow_heif
import pytest
from PIL import Image

from storage_node.strip import has_boxed_metadata
from storage_node.strip_boxes import Entangled, boxed_pieces

SECRET = b"52.5200N 13.4050E"


def a_heic(*, words: bool = True, frames: int = 1) -> bytes:
    """As a phone makes them: EXIF, XMP, perhaps more pictures than one."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    file = pillow_heif.HeifFile()
    for number in range(frames):
        file.add_from_pillow(Image.effect_noise((64, 48), 20 + number).convert("RGB"))
        file[number].info["exif"] = exif.tobytes() if words else None
        file[number].info["xmp"] = b"<x>%s</x>" % SECRET if words else None
    out = io.BytesIO()
    file.save(out, quality=50, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def stripped(body: bytes) -> bytes:
    return b"".join(boxed_pieces(body))


def pixels(body: bytes) -> list[bytes]:
    return [bytes(image.to_pillow().tobytes()) for image in pillow_heif.open_heif(io.BytesIO(body))]


@pytest.mark.parametrize("frames", [1, 3])
def test_a_heic_keeps_its_pixels_and_loses_what_was_written_down(frames: int) -> None:
    body = a_heic(frames=frames)
    assert body.count(SECRET) == 2 * frames
    left = stripped(body)
    assert len(left) == len(body)
    assert SECRET not in left
    assert pixels(left) == pixels(body)
    assert stripped(left) == left, "a second time changes nothing"


def test_what_is_left_is_an_exif_and_an_xmp_that_say_nothing() -> None:
    (image,) = pillow_heif.open_heif(io.BytesIO(stripped(a_heic())))
    shown = image.to_pillow()
    assert {tag for tag in shown.getexif() if tag != 0x0112} == set()
    assert shown.info["xmp"].strip(b" \0") == b"<x/>"


def test_what_nobody_points_at_is_blanked_too() -> None:
    body = a_heic()
    at = body.index(b"ftyp") - 4
    size = int.from_bytes(body[at : at + 4], "big")
    spare = struct.pack(">I4s", 8 + len(SECRET), b"free") + SECRET
    assert SECRET not in stripped(body + spare)
    tail = body.rindex(b"mdat") - 4
    longer = int.from_bytes(body[tail : tail + 4], "big") + len(SECRET)
    orphan = body[:tail] + struct.pack(">I", longer) + body[tail + 4 :] + SECRET
    assert size < tail
    assert SECRET not in stripped(orphan)
    assert pixels(stripped(orphan)) == pixels(body)


def test_a_heic_without_words_needs_nothing_done() -> None:
    assert not has_boxed_metadata(a_heic(words=False))


def _two_metas(body: bytes) -> bytes:
    at = body.index(b"meta") - 4
    return body + body[at : at + int.from_bytes(body[at : at + 4], "big")]


def _exif_on_the_picture(body: bytes) -> bytes:
    """The EXIF item is said to lie where the picture lies."""
    at = body.index(b"iloc")
    (first,) = struct.unpack(">Q", body[at + 18 : at + 26])
    second = body.index(b"\0\2\0\0", at) + 4
    return body[:second] + struct.pack(">Q", first) + body[second + 8 :]


def _beyond_the_end(body: bytes) -> bytes:
    at = body.index(b"\0\2\0\0", body.index(b"iloc")) + 4
    return body[:at] + struct.pack(">Q", len(body) - 1) + body[at + 8 :]


TANGLES: dict[str, Callable[[bytes], bytes]] = {
    "two directories": _two_metas,
    "none": lambda body: body.replace(b"meta", b"free", 1),
    "a box of somebody's own": lambda body: body + struct.pack(">I4s16s", 24, b"uuid", b""),
    "a film": lambda body: body + struct.pack(">I4s", 8, b"moov"),
    "a box beyond the end": lambda body: body + struct.pack(">I4s", 99, b"free"),
    "half a box": lambda body: body + b"\0\0\0",
    "a box of no size": lambda body: body + struct.pack(">I4s", 3, b"free"),
    "very many boxes": lambda body: body + struct.pack(">I4s", 8, b"free") * 100,
    "a description as a property": lambda body: body.replace(b"pixi", b"udes", 1),
    "an unknown directory": lambda body: body.replace(b"pitm", b"pxtm", 1),
    "unknown positions": lambda body: body.replace(b"iloc\0", b"iloc\7", 1),
    "no kinds": lambda body: body.replace(b"infe", b"infx", 1),
    "exif on the picture": _exif_on_the_picture,
    "exif beyond the end": _beyond_the_end,
}


@pytest.mark.parametrize("how", TANGLES)
def test_what_is_not_certain_is_refused_before_a_byte_is_given(how: str) -> None:
    body = a_heic()
    tangled = TANGLES[how](body)
    assert tangled != body
    with pytest.raises(Entangled):
        boxed_pieces(tangled)


def test_whatever_is_damaged_is_refused_or_has_its_length_and_ends_soon() -> None:
    rng, body = random.Random(7), a_heic(frames=2)
    for _ in range(2000):
        damaged = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(900)] = rng.randrange(256)
        cut = bytes(damaged[: rng.randrange(1, len(body) + 1)] if rng.random() < 0.2 else damaged)
        try:
            assert len(stripped(cut)) == len(cut)
        except Entangled:
            continue
