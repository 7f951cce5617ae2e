"""Asking several nodes the same thing at once, and never mistaking silence for an answer.

Owns the bound on how many are asked at a time and the deadline of each. Who could not be asked is part of
the result, with the reason: whoever proves something from it must say so. Called by receipts, verify,
drain and catalog repair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from atoll.errors import AtollError
from atoll.model import Node
from atoll.node_client import NodeClient

T = TypeVar("T")

AT_ONCE = 64
MAX_REASON = 200


@dataclass(frozen=True)
class Testimony(Generic[T]):
    """What each node said, and why others could not be asked, both by name."""

    said: Mapping[str, T]
    unasked: Mapping[str, str]


class Witnesses:
    """Asks nodes; one for the whole service."""

    def __init__(self, nodes: NodeClient) -> None:
        self._nodes = nodes
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask(
        self,
        members: Sequence[Node],
        method: str,
        path: str,
        kind: type[T],
        *,
        body: Any = None,
        seconds: float = 5.0,
    ) -> Testimony[T]:
        """Ask all of them the same, each within `seconds`."""
        answers = await asyncio.gather(
            *(self._one(node, method, path, kind, body, seconds) for node in members)
        )
        said = {n.name: a for n, a in zip(members, answers, strict=True) if not isinstance(a, AtollError)}
        unasked = {
            n.name: a.detail[:MAX_REASON]
            for n, a in zip(members, answers, strict=True)
            if isinstance(a, AtollError)
        }
        return Testimony(said, unasked)

    async def _one(
        self, node: Node, method: str, path: str, kind: type[T], body: Any, seconds: float
    ) -> T | AtollError:
        async with self._room:
            try:
                return await self._nodes.call(node, method, path, kind, body=body, seconds=seconds)
            except AtollError as error:  # told in the result, by name
                return error
