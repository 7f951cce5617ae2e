"""What an argument may be, beyond its type: each raises what argparse tells as wrong usage. Pure."""

from __future__ import annotations

import argparse
from pathlib import Path

from atoll.client.upload_many import MAX_PARALLEL


def count(text: str) -> int:
    """1 or more."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"is at least 1, not {number}")
    return number


def parallel(text: str) -> int:
    """So many at once as a client does."""
    if not 1 <= (number := int(text)) <= MAX_PARALLEL:
        raise argparse.ArgumentTypeError(f"is 1 to {MAX_PARALLEL}, not {number}")
    return number


def seconds(text: str) -> float:
    """More than none, and no nonsense."""
    if not 0 < (number := float(text)) <= 10**9:
        raise argparse.ArgumentTypeError(f"is a number of seconds above 0, not {text}")
    return number


def named(text: str) -> str:
    """A file or folder. Not "": an unset variable to whoever typed it, and this very folder to Python."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a file or a folder (this one is .)")
    return text


def path(text: str) -> Path:
    """`named`, as a path."""
    return Path(named(text))
