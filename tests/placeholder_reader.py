"""ThumbHash and BlurHash read back into pictures as a page does it, written from their published decoders."""

from __future__ import annotations

import base64
import math

from PIL import Image

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def drawn_thumbhash(text: str, width: int, height: int) -> Image.Image:
    """The placeholder as RGBA at this size."""
    raw = base64.b64decode(text, validate=True)
    head, second = int.from_bytes(raw[:3], "little"), int.from_bytes(raw[3:5], "little")
    has_alpha, landscape = head >> 23, second >> 15
    most, said = (5 if has_alpha else 7), second & 7
    wide, high = (most, max(3, said)) if landscape else (max(3, said), most)
    nibbles = iter([half for byte in raw[6 if has_alpha else 5 :] for half in (byte & 15, byte >> 4)])
    light = waves((head & 63) / 63, (head >> 18 & 31) / 31, wide, high, nibbles)
    yellow = waves((head >> 6 & 63) / 31.5 - 1, (second >> 3 & 63) / 63, 3, 3, nibbles)
    red = waves((head >> 12 & 63) / 31.5 - 1, (second >> 9 & 63) / 63, 3, 3, nibbles)
    alpha = waves((raw[5] & 15) / 15, (raw[5] >> 4) / 15, 5, 5, nibbles) if has_alpha else {(0, 0): 1.0}
    image = Image.new("RGBA", (width, height))
    for x in range(width):
        for y in range(height):
            lp, pp, qp, ap = (
                summed(terms, (x + 0.5) / width, (y + 0.5) / height) for terms in (light, yellow, red, alpha)
            )
            blue = lp - 2 / 3 * pp
            r = (3 * lp - blue + qp) / 2
            image.putpixel((x, y), tuple(level(value) for value in (r, r - qp, blue, ap)))
    return image


def thumbhash_ratio(text: str) -> float:
    """Width to height, as roughly as a ThumbHash knows it."""
    raw = base64.b64decode(text)
    most = 5 if raw[2] & 0x80 else 7
    said = raw[3] & 7
    return most / said if raw[4] & 0x80 else said / most


def waves(steady, scale, wide, high, nibbles):
    terms = {(0, 0): steady}
    for down in range(high):
        for along in range(0 if down else 1, wide):
            if along * high < wide * (high - down):
                terms[along, down] = 2 * (next(nibbles) / 7.5 - 1) * scale
    return terms


def summed(terms, x, y):
    return sum(
        value * math.cos(math.pi * x * along) * math.cos(math.pi * y * down)
        for (along, down), value in terms.items()
    )


def drawn_blurhash(text: str, width: int, height: int) -> Image.Image:
    """The placeholder as RGB at this size."""
    size = number(text[0])
    wide, high = size % 9 + 1, size // 9 + 1
    assert len(text) == 4 + 2 * wide * high
    scale = (number(text[1]) + 1) / 166
    steady = number(text[2:6])
    terms = [tuple(linear(steady >> shift & 255) for shift in (16, 8, 0))]
    for at in range(6, len(text), 2):
        value = number(text[at : at + 2])
        parts = (value // 361, value // 19 % 19, value % 19)
        terms.append(tuple(math.copysign((part / 9 - 1) ** 2, part - 9) * scale for part in parts))
    image = Image.new("RGB", (width, height))
    for x in range(width):
        for y in range(height):
            weights = [
                math.cos(math.pi * x * (at % wide) / width) * math.cos(math.pi * y * (at // wide) / height)
                for at in range(wide * high)
            ]
            sums = (sum(w * t[c] for w, t in zip(weights, terms, strict=True)) for c in range(3))
            image.putpixel((x, y), tuple(level(gamma(value)) for value in sums))
    return image


def number(text):
    value = 0
    for digit in text:
        value = value * 83 + DIGITS.index(digit)
    return value


def linear(value):
    return value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4


def gamma(value):
    value = max(0.0, min(1.0, value))
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def level(value):
    return max(0, min(255, round(255 * value)))
