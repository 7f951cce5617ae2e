"""The other nodes, as this one asks them: who they are, nearest first, and what their internal API says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import aiohttp

from atoll.cluster import ClusterMap
from atoll.errors import AtollError, NotFound, UpstreamFailed
from atoll.model import AssetRecord, Node
from atoll.node_client import NodeClient
from storage_node.blob_address import BlobAddress
from storage_node.chunks import CHUNK_BYTES, chunk_is_good
from storage_node.index import HeldBlob
from storage_node.origin import Origin
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey
from storage_node.verified_read import chunk_length

log = logging.getLogger(__name__)

_MIN_BYTES_PER_SECOND = 64 * 1024  # a peer slower than this is as good as dead; another may be faster
_RECORD_SECONDS = 2.0


class MapView(Protocol):
    """Whoever has the current cluster map (`LiveClusterMap`)."""

    current: ClusterMap


def blob_request(key: BlobKey) -> str:
    """The internal path of a blob's bytes."""
    return f"/internal/v1/blobs/{key.bucket}/{key.sha256}.{key.ext}"


class Peers:
    """`silence` is the longest a peer may say nothing, in seconds."""

    def __init__(
        self, origin: Origin, cluster: MapView, client: NodeClient, counts: ReadMetrics, silence: float
    ) -> None:
        self._me, self._cluster, self._client = origin, cluster, client
        self._counts, self._silence = counts, silence

    def knows_set(self, set_name: str) -> bool:
        """Whether there is such a set."""
        current = self._cluster.current
        return set_name == self._me.set or set_name in current.sets or bool(current.members(set_name))

    def of_set(self, set_name: str) -> list[Node]:
        """The set's nodes but this one, nearest first; in any order while the map lacks our region."""
        current = self._cluster.current
        if self._me.region in current.regions:
            members = current.nearest_members(set_name, self._me.region)
        else:
            members = list(current.members(set_name))
        return [node for node in members if node.name != self._me.node]

    def named(self, names: Sequence[str]) -> list[Node]:
        """These nodes in this order, without those that are unknown, removed or this one."""
        nodes = (self._cluster.current.nodes.get(name) for name in dict.fromkeys(names))
        return [n for n in nodes if n is not None and n.state != "removed" and n.name != self._me.node]

    async def record(self, address: BlobAddress) -> AssetRecord | None:
        """Any record that uses a blob of our set, from the nearest peer that has one."""
        key = address.key
        for node in self.of_set(address.handle.set):
            try:
                async with asyncio.timeout(_RECORD_SECONDS):
                    path = f"/internal/v1/records/{key.bucket}/{key.sha256}"
                    record = await self._client.call(node, "GET", path, AssetRecord, seconds=_RECORD_SECONDS)
            except (AtollError, TimeoutError) as error:
                log.debug("no record from %s: %r", node.name, error)
                continue
            if (record.bucket, record.blob.sha256, record.set) == (key.bucket, key.sha256, self._me.set):
                return record
        return None

    @asynccontextmanager
    async def open(
        self, node: Node, key: BlobKey, size: int, headers: dict[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A peer's bytes, unverified, with a deadline for `size` of them. Errors are an `AtollError`."""
        try:
            async with asyncio.timeout(4 * self._silence + size / _MIN_BYTES_PER_SECOND):
                async with self._opened(node, key, headers) as response:
                    yield response
        except TimeoutError as error:
            raise UpstreamFailed(f"Node {node.name} sends too slowly.", node=node.name) from error

    def _opened(
        self, node: Node, key: BlobKey, headers: dict[str, str] | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._client.open(node, "GET", blob_request(key), headers=headers, seconds=self._silence)

    async def chunk(self, held: HeldBlob, index: int) -> bytes:
        """Chunk `index` of a blob whose digests we know, from the first peer that has it right."""
        failures: list[str] = []
        for node in self.of_set(self._me.set):
            try:
                return await self._chunk_from(node, held, index)
            except AtollError as error:
                failures.append(f"{node.name}: {error.detail}")
        raise UpstreamFailed("No peer could give the bytes of this image.", tried=failures)

    async def _chunk_from(self, node: Node, held: HeldBlob, index: int) -> bytes:
        start, length = index * CHUNK_BYTES, chunk_length(held.blob.size, index)
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        async with self.open(node, held.key, length, headers) as response:
            if response.status != 206 or response.content_length != length:
                raise UpstreamFailed(f"Node {node.name} does not answer with the range.", node=node.name)
            try:
                data = await response.content.readexactly(length)
            except asyncio.IncompleteReadError as error:
                raise UpstreamFailed(f"Node {node.name} broke off.", node=node.name) from error
        if not chunk_is_good(data, held.blob.sha256, held.chunk_digests, index):
            self._counts.bad_peer_bytes += 1
            raise UpstreamFailed(f"Node {node.name} sent wrong bytes.", node=node.name)
        return data


def nobody_has_it(failures: Sequence[AtollError]) -> bool:
    """Whether every source said that it lacks the blob (none failed to answer)."""
    return all(isinstance(error, NotFound) for error in failures)
