"""How good a derivative is: its size, and how much it looks like its source made small with every care."""

from __future__ import annotations

import io
from typing import NamedTuple

from PIL import Image

from benchmarks.ask import Asker
from benchmarks.derivatives import ask
from storage_node.rendering.metric import similarity


class Likeness(NamedTuple):
    """`similarity` is 1 for the same picture; see `storage_node.rendering.metric`."""

    kilobytes: float
    similarity: float


async def likeness(port: int, path: str, source: bytes) -> Likeness:
    """Ask for a derivative and look at it."""
    asker = Asker()
    try:
        answer = await ask(asker, port, path)
    finally:
        asker.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.body[:500]!r}")
    with Image.open(io.BytesIO(answer.body)) as made, Image.open(io.BytesIO(source)) as whole:
        best = whole.convert("RGB").resize(made.size, Image.Resampling.LANCZOS)
        return Likeness(len(answer.body) / 1000, similarity(best, made.convert("RGB")))
