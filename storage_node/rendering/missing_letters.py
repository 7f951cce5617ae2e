"""Letters that a font lacks, made visible. Called by `text`.

Most fonts draw a box of their own for what they lack. Some draw nothing there, and so does the family
that comes along: a name in a script it lacks would vanish. Then the replacement character stands in.
"""

from __future__ import annotations

import unicodedata

from PIL import ImageFont

_NOBODYS = "\U000f1234"  # private: no font of anybody's has it
_REPLACEMENT = "\ufffd"
_BLANK_BY_RIGHT = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn"})
_SMALLEST = 8  # pixels: below, a full stop may leave no trace either


def made_visible(text: str, font: ImageFont.FreeTypeFont) -> str:
    """The text as it is drawn: nothing that should be seen is blank, if the font has a sign for that."""
    if font.size < _SMALLEST or _shows(_NOBODYS, font) or not _shows(_REPLACEMENT, font):
        return text
    blank = (letter for letter in set(text) if _is_visible(letter) and not _shows(letter, font))
    return text.translate(dict.fromkeys(map(ord, blank), _REPLACEMENT))


def _is_visible(letter: str) -> bool:
    return unicodedata.category(letter) not in _BLANK_BY_RIGHT


def _shows(letter: str, font: ImageFont.FreeTypeFont) -> bool:
    return font.getmask(letter).getbbox() is not None
