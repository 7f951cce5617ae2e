"""Which paths of a folder are meant: shell patterns as rsync and git know them. Pure.

`*` and `?` match within one folder's name, `**` over any number of folders, `[abc]` one character. A pattern
without a slash means that name anywhere (`*.png`, `raw`); one with a slash is a path from the folder's top
(`2024/**/draft-*.jpg`). What matches a folder matches all below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from atoll.errors import BadRequest

MAX_PATTERNS, MAX_PATTERN_LENGTH = 1000, 1000
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


@dataclass(frozen=True)
class Filter:
    """Takes what matches an `include` (all, when there is none) and no `exclude`: exclude wins."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> Filter:
        """`BadRequest` for a pattern that can mean nothing, and for too many."""
        made = cls(_checked("include", include), _checked("exclude", exclude))
        for pattern in (*made.include, *made.exclude):
            _compiled(pattern)
        return made

    def takes(self, relative: str) -> bool:
        """Whether the file at this path (with `/` between folders) is meant."""
        return self.includes(relative) and not self.excludes(relative)

    def includes(self, relative: str) -> bool:
        """Whether an `include` names it, or there is none."""
        return not self.include or any(_matches(pattern, relative) for pattern in self.include)

    def excludes(self, relative: str) -> bool:
        """Whether an `exclude` names this file or folder, or a folder above."""
        return any(_matches(pattern, relative) for pattern in self.exclude)


def _checked(name: str, patterns: Iterable[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise BadRequest(f"{name} is a list of patterns, not one string.", got=patterns[:80])
    given = tuple(patterns)
    if len(given) > MAX_PATTERNS or any(len(pattern) > MAX_PATTERN_LENGTH for pattern in given):
        raise BadRequest(f"Too many or too long patterns in {name}.", limit=MAX_PATTERNS, got=len(given))
    if empty := [pattern for pattern in given if not pattern.strip("/")]:
        raise BadRequest(f"A pattern in {name} matches nothing.", got=empty[0])
    return given


def _matches(pattern: str, relative: str) -> bool:
    """Whether the pattern matches the path or a folder above it."""
    expression = _compiled(pattern)
    if "/" not in pattern.strip("/"):
        return any(expression.fullmatch(name) for name in relative.split("/"))
    folders = relative.split("/")
    return any(expression.fullmatch("/".join(folders[:end])) for end in range(1, len(folders) + 1))


@lru_cache(maxsize=2 * MAX_PATTERNS)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile("".join(map(_expression, _TOKEN.findall(pattern.strip("/")))), re.DOTALL)
    except re.error as error:
        raise BadRequest(f"This is no pattern: {error}", got=pattern[:80]) from error


def _expression(token: str) -> str:
    if token in {"**/", "**", "*", "?"}:
        return {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}[token]
    if len(token) > 2 and token[0] == "[":
        inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return (
            f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}]" if inside[0] != "^" else f"[\\{inside}]"
        )
    return re.escape(token)
