"""Identifiers that sort by the time they were made (ULID, https://github.com/ulid/spec, in lower case).

26 characters of Crockford's base 32: 48 bits of Unix milliseconds, 80 random bits. Used for generated
asset ids, versions, tickets and events.
"""

from __future__ import annotations

import hashlib
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 26
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # two characters at once: ids are made in every commit


def _encode(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(at_ms: int | None = None) -> str:
    """A new identifier; `at_ms` (Unix milliseconds) is now unless given."""
    return _encode((now_ms() if at_ms is None else at_ms) << 80 | secrets.randbits(80))


def id_time_ms(identifier: str) -> int:
    """When `identifier` was made, in Unix milliseconds. ValueError when it is no identifier."""
    if len(identifier) != ID_LENGTH:
        raise ValueError(f"not an identifier: {identifier!r}")
    number = 0
    for char in identifier:
        number = number << 5 | _ALPHABET.index(char)
    return number >> 80


def looks_generated(text: str) -> bool:
    """Whether `text` is like a generated id. No given name may be: a nameless asset has its id for a name."""
    return len(text) == ID_LENGTH and text[0] in "01234567" and all(char in _ALPHABET for char in text)


def named_asset_id(bucket: str, public_id: str) -> str:
    """The id of the asset that has this name: the same in every region, with no database asked.

    `n` and 25 base-32 characters (125 bits) of SHA-256 over both names. A generated id starts with 0
    until the year 4199, so the two kinds never meet.
    """
    digest = hashlib.sha256(f"{bucket}\0{public_id}".encode()).digest()
    return "n" + _encode(int.from_bytes(digest[:16], "big") >> 3)[1:]


def version_id(asset_id: str, version: str) -> str:
    """Under which id one version of an asset is deleted: `v` and 25 base-32 characters of SHA-256 over both.

    No asset has such an id: generated ones start with 0, those of names with `n`.
    """
    digest = hashlib.sha256(f"{asset_id}/{version}".encode()).digest()
    return "v" + _encode(int.from_bytes(digest[:16], "big") >> 3)[1:]


def derived_id(identifier: str, index: int) -> str:
    """The `index`-th id under `identifier`: keeps its time, so that repeating a request repeats its ids."""
    if index == 0:
        return identifier
    digest = hashlib.sha256(f"{identifier}/{index}".encode()).digest()
    return _encode(id_time_ms(identifier) << 80 | int.from_bytes(digest[:10], "big"))


def hashed_id(at_ms: int, *parts: str) -> str:
    """An identifier of that time that follows from `parts` (without NUL in them): 80 bits of SHA-256."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return _encode(at_ms << 80 | int.from_bytes(digest[:10], "big"))
