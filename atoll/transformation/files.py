"""Where a derivative lies: the canonical transformation as a relative file path. Pure.

A static web server finds it from the URL alone, because the path is the canonical text itself: a folder for
each component but the last. Only a component that is too long for a file name (a long text) makes the whole
name a hash, which then only a node finds.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from atoll.transformation.canonical import canonical
from atoll.transformation.hints import open_questions
from atoll.transformation.steps import Named, Transformation

_LONGEST = 240  # bytes: a file name has 255, and the extension and a temporary suffix need some


def essence(transformation: Transformation) -> Transformation:
    """Without what changes no byte of the result: the name it is saved under, and the image shown instead."""
    delivery = replace(transformation.delivery, attachment=None)
    return replace(transformation, delivery=delivery, fallback=None)


def derivative_path(transformation: Transformation, ext: str) -> str:
    """`<canonical>.<ext>`, below the folder of the blob's derivatives.

    ValueError while something is open that decides about bytes: a name, or a hint of the client.
    """
    if open_questions(transformation) or any(isinstance(step, Named) for step in transformation.steps):
        raise ValueError("names and hints come first: a derivative is kept by what it is")
    text = canonical(essence(transformation))
    if max(len(component) for component in text.split("/")) > _LONGEST:
        text = f"~{hashlib.sha256(text.encode()).hexdigest()}"
    return f"{text}.{ext}"
