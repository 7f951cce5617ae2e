"""Why a transformation is refused: which parameter, what was said, and the nearest that is valid. Pure.

Every refusal of this package is a `BadTransformation` made here, so that all have the same facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from atoll.errors import BadTransformation

_SHOWN = 80  # characters of what was said that are said back
_COMPARED = 40  # characters that are compared: similarity takes quadratic time


def shown(text: str) -> str:
    """`text` as it may stand in an answer or a log line: short, ASCII, nothing that a terminal obeys."""
    clean = text.encode("ascii", "backslashreplace").decode()
    clean = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in clean[:_SHOWN])
    return clean if len(clean) < _SHOWN else f"{clean[:_SHOWN]}…"


def closest(word: str, options: Iterable[str]) -> str:
    """The option most like `word`; there is always one."""
    choices = sorted(options)
    return (get_close_matches(word[:_COMPARED].lower(), choices, n=1, cutoff=0.0) or choices)[0]


def refused(parameter: str, got: str, why: str, nearest: str) -> BadTransformation:
    """A refusal: the key of the parameter at fault, the text that was said, the rule, what would be valid."""
    said = shown(got)
    return BadTransformation(
        f"{said}: {why}. The nearest that is valid: {nearest}",
        parameter=shown(parameter),
        got=said,
        nearest=nearest,
    )


def over_limit(what: str, limit: int, got: int, parameter: str, nearest: str) -> BadTransformation:
    """A refusal for being too much of something that is counted."""
    return BadTransformation(
        f"A transformation has at most {limit} {what}; this has {got}. It could be, for example: {nearest}",
        parameter=parameter,
        limit=limit,
        got=got,
        nearest=nearest,
    )
