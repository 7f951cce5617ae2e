"""Derivatives of one node's pictures: uploaded sources, and the requests for what is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from atoll.node_api import AssetView
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from benchmarks.ask import Answer, Asker
from benchmarks.lean_client import Request
from benchmarks.one_node import OneNode

_KNOWN_SECONDS, _ASK_AGAIN_SECONDS = 20.0, 0.05


class Stored(NamedTuple):
    """A picture on a node."""

    view: AssetView

    @property
    def path(self) -> str:
        """Of the blob itself."""
        return self.view.path

    def derived(self, transformation: str) -> str:
        """The one path of what `transformation` makes of it."""
        bucket, place = self.view.path[1:].split("/", 1)
        return f"/{bucket}/{canonical(parse(transformation))}/{place}"


async def stored(node: OneNode, bodies: Sequence[bytes]) -> list[Stored]:
    """Upload pictures, and wait until the node serves them."""
    asker = Asker()
    try:
        found = [await _upload(asker, node, request) for request in node.uploads(list(bodies))]
        async with asyncio.timeout(_KNOWN_SECONDS):
            # The node may not have heard of the bucket yet.
            while (await ask(asker, node.port, found[-1].path)).status != 200:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
    finally:
        asker.close()
    return found


async def _upload(asker: Asker, node: OneNode, request: Request) -> Stored:
    answer = await asker.ask(node.port, request)
    if answer.status != 201:
        raise RuntimeError(f"not stored: {answer.status} {answer.body[:500]!r}")
    return Stored(msgspec.json.decode(answer.body, type=AssetView))


async def made(node: OneNode, path: str) -> None:
    """Ask once; RuntimeError for any other answer than 200."""
    asker = Asker()
    try:
        answer = await ask(asker, node.port, path)
    finally:
        asker.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.body[:500]!r}")


async def ask(asker: Asker, port: int, path: str) -> Answer:
    """One GET."""
    return await asker.ask(port, get(path))


def get(path: str) -> Request:
    """A GET, ready to be sent."""
    return Request(f"GET {path} HTTP/1.1\r\nHost: image\r\n\r\n".encode())
