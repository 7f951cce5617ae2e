"""Several small blobs in one answer, as it goes over the wire between nodes. Pure.

    [81234,null,77102] newline, and then the bytes of those with a number, in the order they were asked for

`null`: the peer does not have it, or it no longer fitted. Nothing here is believed: who asked knows each
size, and checks each blob against its name (fetch_together.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from atoll.errors import UpstreamFailed
from atoll.node_api import TOGETHER_BYTES

TOGETHER = "/internal/v1/blobs/together"  # POST, with names of blobs
_DIGITS = 16  # of a size, with its comma
_MAX_HEAD = 2


def room_for(sizes: Sequence[int]) -> int:
    """The most bytes that an answer with blobs of these sizes has."""
    return sum(sizes) + _DIGITS * len(sizes) + _MAX_HEAD


def pack(bodies: Iterable[bytes | None]) -> tuple[list[bytes | None], bytes]:
    """Those of `bodies` that fit, the others as None; and the answer with them."""
    given: list[bytes | None] = []
    left = TOGETHER_BYTES
    for body in bodies:
        fits = body is not None and len(body) <= left
        given.append(body if fits else None)
        left -= len(body) if body is not None and fits else 0
    head = msgspec.json.encode([None if body is None else len(body) for body in given])
    return given, b"".join([head, b"\n", *(body for body in given if body is not None)])


def unpack(answer: bytes, sizes: Sequence[int]) -> list[bytes | None]:
    """The bodies in an answer to who asked for blobs of `sizes`, unverified. `UpstreamFailed`: it is none."""
    head, found, rest = answer.partition(b"\n")
    try:
        given = msgspec.json.decode(head, type=list[int | None])
    except msgspec.MsgspecError as error:
        raise UpstreamFailed(f"This is no answer with blobs: {error}") from error
    wanted = list(zip(given, sizes, strict=False))
    if not found or len(given) != len(sizes) or any(size not in (None, own) for size, own in wanted):
        raise UpstreamFailed("The peer answers with other blobs than it was asked for.")
    if sum(size or 0 for size in given) != len(rest):
        raise UpstreamFailed("The peer's answer is not as long as it says.")
    return list(_cut(rest, given))


def _cut(rest: bytes, given: Sequence[int | None]) -> Iterable[bytes | None]:
    at = 0
    for size in given:
        yield None if size is None else rest[at : at + size]
        at += size or 0
