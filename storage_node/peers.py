"""The other nodes, as this one asks them: who they are, nearest first, and what their internal API says.

Suspects go last wherever there is an order, and a peer that is silent for longer than it lately was is
overtaken by the next one (atoll/hedging.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import aiohttp

from atoll.cluster import ClusterMap
from atoll.errors import AtollError, NotFound, UpstreamFailed
from atoll.health import State
from atoll.hedging import AllFailed, Hedger, Turn
from atoll.model import AssetRecord, Node
from atoll.node_api import AssetState
from atoll.node_client import NodeClient
from storage_node.blob_address import BlobAddress
from storage_node.chunks import CHUNK_BYTES, chunk_is_good
from storage_node.index import HeldBlob
from storage_node.origin import Origin
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey
from storage_node.verified_read import chunk_length

R = TypeVar("R")

NO_PEER = "No peer could give the bytes of this image."
_MIN_BYTES_PER_SECOND = 64 * 1024  # a peer slower than this is as good as dead; another may be faster
_RECORD_SECONDS = 2.0


class MapView(Protocol):
    """Whoever has the current cluster map (`LiveClusterMap`)."""

    current: ClusterMap


def blob_request(key: BlobKey) -> str:
    """The internal path of a blob's bytes."""
    return f"/internal/v1/blobs/{key.bucket}/{key.sha256}.{key.ext}"


class Peers:
    """`silence` is the longest a peer may say nothing, in seconds; `state` what is known of its health."""

    def __init__(
        self,
        origin: Origin,
        cluster: MapView,
        client: NodeClient,
        counts: ReadMetrics,
        silence: float,
        hedger: Hedger,
        state: Callable[[str], State] = lambda _: "unknown",
    ) -> None:
        self.hedger, self._state = hedger, state
        self._me, self._cluster, self._client = origin, cluster, client
        self._counts, self._silence = counts, silence

    @property
    def own_set(self) -> str:
        """This node's set."""
        return self._me.set

    def knows_set(self, set_name: str) -> bool:
        """Whether there is such a set."""
        current = self._cluster.current
        return set_name == self._me.set or set_name in current.sets or bool(current.members(set_name))

    def of_set(self, set_name: str) -> list[Node]:
        """The set's nodes but this one, nearest first (if the map has our region), suspects last."""
        current = self._cluster.current
        if self._me.region in current.regions:
            members = current.nearest_members(set_name, self._me.region)
        else:
            members = list(current.members(set_name))
        return self._suspects_last(node for node in members if node.name != self._me.node)

    def other_sets(self) -> list[str]:
        """Every set but this node's own."""
        current = self._cluster.current
        known = {*current.sets, *(node.set for node in current.nodes.values())}
        return sorted(known - {self._me.set})

    def named(self, names: Sequence[str]) -> list[Node]:
        """These nodes in this order, suspects last, without those that are unknown, removed or this one."""
        nodes = (self._cluster.current.nodes.get(name) for name in dict.fromkeys(names))
        return self._suspects_last(
            n for n in nodes if n is not None and n.state != "removed" and n.name != self._me.node
        )

    def _suspects_last(self, nodes: Iterable[Node]) -> list[Node]:
        return sorted(nodes, key=lambda node: self._state(node.name) == "suspect")

    async def first(
        self, sources: Sequence[Node], attempt: Callable[[Node, Turn], Coroutine[Any, Any, R]]
    ) -> R:
        """What the first peer that succeeds gives (see `Hedger.first`). `AllFailed` when none does."""
        return await self.hedger.first(sources, lambda node: node.name, attempt)

    async def record(self, address: BlobAddress) -> AssetRecord | None:
        """Any record that uses a blob of our set, from the nearest peer that has one."""
        key = address.key
        path = f"/internal/v1/records/{key.bucket}/{key.sha256}"

        async def ask(node: Node, turn: Turn) -> AssetRecord:
            record = await self._client.call(node, "GET", path, AssetRecord, seconds=_RECORD_SECONDS)
            if (record.bucket, record.blob.sha256, record.set) != (key.bucket, key.sha256, self._me.set):
                raise UpstreamFailed(f"Node {node.name} answers with another record.", node=node.name)
            await turn.take()
            return record

        try:
            return await self.first(self.of_set(address.handle.set), ask)
        except AllFailed:
            return None

    async def asset(self, asset_id: str, set_name: str) -> AssetState:
        """An asset's records as a set's nodes have them; empty when none has any. `UpstreamFailed`."""
        path = f"/internal/v1/assets/{asset_id}"

        async def ask(node: Node, turn: Turn) -> AssetState:
            state = await self._client.call(node, "GET", path, AssetState, seconds=_RECORD_SECONDS)
            if not state.records:
                raise NotFound("This node knows no such asset.")
            await turn.take()
            return state

        try:
            return await self.first(self.of_set(set_name), ask)
        except AllFailed as failed:
            if isinstance(error := none_gave_it(failed), NotFound):
                return AssetState((), None)
            raise error from failed

    def open(
        self, node: Node, key: BlobKey, size: int, headers: dict[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """A peer's bytes, unverified, with a deadline for `size` of them. Errors are an `AtollError`."""
        return self.ask(node, "GET", blob_request(key), size, headers=headers)

    @asynccontextmanager
    async def ask(
        self, node: Node, method: str, path: str, size: int, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The same for any answer of `size` bytes; `options` of `NodeClient.open`."""
        try:
            async with asyncio.timeout(4 * self._silence + size / _MIN_BYTES_PER_SECOND):
                async with self._client.open(
                    node, method, path, seconds=self._silence, **options
                ) as response:
                    yield response
        except TimeoutError as error:
            raise UpstreamFailed(f"Node {node.name} sends too slowly.", node=node.name) from error

    async def chunk(self, held: HeldBlob, index: int) -> bytes:
        """Chunk `index` of a blob whose digests we know, from the first peer that has it right."""
        try:
            return await self.first(
                self.of_set(self._me.set), lambda node, turn: self._chunk_from(node, turn, held, index)
            )
        except AllFailed as failed:
            raise UpstreamFailed(NO_PEER, tried=_reasons(failed)) from failed

    async def _chunk_from(self, node: Node, turn: Turn, held: HeldBlob, index: int) -> bytes:
        start, length = index * CHUNK_BYTES, chunk_length(held.blob.size, index)
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        async with self.open(node, held.key, length, headers) as response:
            if response.status != 206 or response.content_length != length:
                raise UpstreamFailed(f"Node {node.name} does not answer with the range.", node=node.name)
            await turn.take()
            try:
                data = await response.content.readexactly(length)
            except asyncio.IncompleteReadError as error:
                raise UpstreamFailed(f"Node {node.name} broke off.", node=node.name) from error
        if not chunk_is_good(data, held.blob.sha256, held.chunk_digests, index):
            self._counts.bad_peer_bytes += 1
            raise UpstreamFailed(f"Node {node.name} sent wrong bytes.", node=node.name)
        return data


def none_gave_it(failed: AllFailed[Node]) -> AtollError:
    """`NotFound` when every source said that it lacks the blob, `UpstreamFailed` when some did not answer."""
    if all(isinstance(failure.error, NotFound) for failure in failed.failures):
        return NotFound("No node has this image.")
    return UpstreamFailed(NO_PEER, tried=_reasons(failed), retry_after=1)


def _reasons(failed: AllFailed[Node]) -> list[str]:
    return [f"{failure.source.name}: {failure.error.detail}" for failure in failed.failures]
