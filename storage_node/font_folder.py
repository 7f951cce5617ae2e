"""The operator's own fonts: a folder of `family[-bold][-italic].ttf` (or .otf), read once at start.

A font is a program for a complicated machine, and a folder collects anything: every file is tried out by a
sandboxed worker (font_worker.py) first. What that cannot draw with, or what is called otherwise, is left out
and told in the log. Called by `openings`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from atoll.errors import AtollError
from storage_node.font_worker import VERDICT_DECODER, Verdict
from storage_node.render_protocol import MAX_FONT_BYTES, FontFamily, FontFile
from storage_node.text_fonts import BOLD, REGULAR, folded
from storage_node.worker_pool import JobCrashed, JobStarved, JobTimedOut, PoolLimits, WorkerPool
from storage_node.worker_sandbox import Sandbox

log = logging.getLogger(__name__)

Style = Literal["regular", "bold", "italic", "bold_italic"]

MAX_FILES = 256
_STYLES: dict[str, Style] = {
    "regular": "regular",
    "bold": "bold",
    "italic": "italic",
    "bolditalic": "bold_italic",
    "bold-italic": "bold_italic",
}
_WORKER = "storage_node.font_worker"
_TRIAL_SECONDS = 5.0
_HEAVIER: tuple[tuple[Style, Style], ...] = (("regular", "bold"), ("italic", "bold_italic"))
_NAME = re.compile(
    r"(?P<family>[a-z][a-z0-9 -]{0,39}?)(-(?P<style>regular|bold|italic|bold-?italic))?\.(ttf|otf)",
    re.ASCII | re.IGNORECASE,
)


def read_fonts(folder: Path) -> dict[str, FontFamily]:
    """The usable families, by folded name. Raises OSError when the folder cannot be read."""
    styles: dict[str, dict[Style, FontFile]] = {}
    weights: dict[str, Verdict] = {}
    for path, family, style, verdict in _tried(_named(folder)):
        if styles.setdefault(family, {}).setdefault(style, FontFile(str(path))).path != str(path):
            log.warning("left out %s: another file has the same family and style", path.name)
        weights[str(path)] = verdict
    return {family: FontFamily(**_weighed(faces, weights)) for family, faces in styles.items()}


def _named(folder: Path) -> list[tuple[Path, str, Style]]:
    """What is called like a font, in the order of the alphabet."""
    found: list[tuple[Path, str, Style]] = []
    for path in sorted(folder.iterdir()):
        parts = _parts(path.name)
        if parts is None or not path.is_file() or path.stat().st_size > MAX_FONT_BYTES:
            log.warning("left out %r: not a file like family[-bold][-italic].ttf of up to 32 MiB", path.name)
        elif len(found) == MAX_FILES:
            log.warning("left out %s: a node reads at most %d fonts", path.name, MAX_FILES)
        else:
            found.append((path.absolute(), *parts))
    return found


def _parts(name: str) -> tuple[str, Style] | None:
    """Family and style by a file's name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return folded(match["family"]), _STYLES[(match["style"] or "regular").lower()]


def _tried(named: list[tuple[Path, str, Style]]) -> Iterator[tuple[Path, str, Style, Verdict]]:
    """Those that a worker could draw with."""
    if not named:
        return
    limits = PoolLimits(workers=1, job_seconds=_TRIAL_SECONDS)
    with WorkerPool("fonts", Sandbox(cpu_seconds=limits.cpu_seconds).command(_WORKER), limits) as pool:
        for path, family, style in named:
            verdict = _verdict(pool, path)
            if verdict.usable:
                yield path, family, style, verdict
            else:
                log.warning("left out %s: no font that can be drawn with", path.name)


def _verdict(pool: WorkerPool, path: Path) -> Verdict:
    try:
        return VERDICT_DECODER.decode(pool.begin(str(path).encode()).result())
    except (AtollError, JobCrashed, JobStarved, JobTimedOut, msgspec.DecodeError):
        return Verdict(usable=False)


def _weighed(faces: dict[Style, FontFile], verdicts: dict[str, Verdict]) -> dict[Style, FontFile]:
    """With the weights that a variable font has in it; a file of its own goes before."""
    weighed = dict(faces)
    for light, heavy in _HEAVIER:
        file = faces.get(light)
        if file is not None and verdicts[file.path].variable:
            weighed[light] = FontFile(file.path, REGULAR)
            weighed.setdefault(heavy, FontFile(file.path, BOLD))
    return weighed
