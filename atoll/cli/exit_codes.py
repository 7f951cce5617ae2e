"""What the exit codes of `atoll` mean: the one table, shown in `atoll --help` and docs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from atoll.client.source import FileChanged, FileUnusable
from atoll.errors import AtollError, NotFound, Rejected
from atoll.settings import SettingsError


class WrongUsage(AtollError):
    """Options that do not go together; what argparse cannot know."""

    status = 400
    slug = "usage"
    title = "The command cannot be used like that"


class Exit(IntEnum):
    """Exit codes that scripts can trust."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    Exit.OK: "all done",
    Exit.SOME_FAILED: "some items failed, or (status) not everything is healthy",
    Exit.USAGE: "wrong usage or settings, or a local file that cannot be used",
    Exit.NOT_FOUND: "there is no such asset, blob or bucket",
    Exit.REFUSED: "the cluster refused the request (4xx); the same request will fail again",
    Exit.UNAVAILABLE: "the cluster is not available, or not yet where it should be (5xx); try later",
    Exit.INTERRUPTED: "stopped by Ctrl-C",
    Exit.BROKEN_PIPE: "nobody read the output any more",
}


def table() -> str:
    """The meanings, one a line."""
    lines = [f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(
        ["exit codes:", *lines, "When every item failed alike, the code is that of the failure."]
    )


def code_of(error: AtollError) -> Exit:
    """The code for one error."""
    if isinstance(error, (SettingsError, WrongUsage, FileUnusable, FileChanged)):
        return Exit.USAGE
    if isinstance(error, NotFound):
        return Exit.NOT_FOUND
    return Exit.REFUSED if isinstance(error, Rejected) else Exit.UNAVAILABLE


def code_of_many(errors: Iterable[AtollError | None]) -> Exit:
    """The code for a number of items, None for each that went well."""
    codes = {Exit.OK if error is None else code_of(error) for error in errors}
    if not codes:
        return Exit.OK
    return codes.pop() if len(codes) == 1 else Exit.SOME_FAILED
