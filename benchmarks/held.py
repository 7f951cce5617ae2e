"""Whether nodes really hold what they should: not by what they said, but by asking and by reading the disk.

For each upload and node: the node's index knows the blob, its record is there, and the file that lies where
the layout says has the SHA-256 of what was sent. Of very many uploads, the node is asked about some, and its
index is read for all.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from atoll.ids import now_ms
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET
from atoll.node_api import AssetState
from atoll.settings import read_secret
from atoll.signing import Keys, internal_token
from benchmarks.ask import Asker

_AT_ONCE = 16
_HASHERS = 2


class Wanted(NamedTuple):
    """An upload that was acknowledged."""

    asset_id: str
    sha256: str


class Missing(NamedTuple):
    """Something of an upload that a node lacks."""

    sha256: str
    what: str


class Node(NamedTuple):
    """A node: its name, its port, its data directory."""

    name: str
    port: int
    data: Path


async def missing(
    cluster: LocalCluster, uploads: Sequence[Wanted], asker: Asker, most_asked: int | None = None
) -> list[Missing]:
    """What any node lacks; empty when every node holds everything. At most `most_asked` are asked for."""
    keys = Keys(read_secret(cluster.paths.secrets / "cluster-secret"))
    nodes = [
        Node(name, cluster.ports[name], cluster.paths.data(name)) for name in cluster.names("storage_node")
    ]
    some = len(uploads) if most_asked is None else min(most_asked, len(uploads))
    found: list[Missing] = []
    for node in nodes:
        found += await unknown_to(node, random.Random(some).sample(uploads, some), asker, keys)
        found += await asyncio.to_thread(unknown_to_index, node, uploads)
        found += await asyncio.to_thread(wrong_on_disk, node, [each.sha256 for each in uploads])
    return found


async def unknown_to(node: Node, uploads: Sequence[Wanted], asker: Asker, keys: Keys) -> list[Missing]:
    """What a node's own index does not have, by its internal API."""
    waiting, found = iter(uploads), list[Missing]()

    async def ask(path: str) -> bytes | None:
        token = internal_token("benchmark", node.name, "GET", path, keys, now_ms())
        head = f"GET {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Atoll {token}\r\n\r\n"
        answer = await asker.ask(node.port, (head.encode(),))
        return answer.body if answer.status == 200 else None

    async def work() -> None:
        for upload in waiting:
            located = await ask(f"/internal/v1/locations/{BUCKET}/{upload.sha256}")
            state = await ask(f"/internal/v1/assets/{upload.asset_id}")
            if located is None:
                found.append(Missing(upload.sha256, f"{node.name} does not know blob {upload.sha256}"))
            if state is None or not _is_recorded(state, upload):
                found.append(Missing(upload.sha256, f"{node.name} has no record of {upload.asset_id}"))

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return found


def unknown_to_index(node: Node, uploads: Sequence[Wanted], bucket: str = BUCKET) -> list[Missing]:
    """What is not in a node's index.db, read beside the node. Blocks."""
    with closing(sqlite3.connect(f"{(node.data / 'index.db').as_uri()}?mode=ro", uri=True)) as index:
        blobs = {
            sha256 for (sha256,) in index.execute("SELECT sha256 FROM blobs WHERE bucket = ?", (bucket,))
        }
        records = set(index.execute("SELECT asset_id, sha256 FROM records WHERE bucket = ?", (bucket,)))
    found = list[Missing]()
    for upload in uploads:
        sha256 = bytes.fromhex(upload.sha256)
        if sha256 not in blobs:
            found.append(Missing(upload.sha256, f"blob {upload.sha256} is not in the index of {node.name}"))
        if (upload.asset_id, sha256) not in records:
            found.append(Missing(upload.sha256, f"{node.name} has no row of {upload.asset_id}"))
    return found


def _is_recorded(state: bytes, upload: Wanted) -> bool:
    records = msgspec.json.decode(state, type=AssetState).records
    return any(record.blob.sha256 == upload.sha256 for record in records)


def wrong_on_disk(node: Node, hashes: Sequence[str]) -> list[Missing]:
    """Files that are not there or have other bytes than their name says. Blocks."""
    root = node.data / "blobs" / BUCKET

    def check(sha256: str) -> Missing | None:
        try:
            (file,) = (root / sha256[:2] / sha256[2:4]).glob(f"{sha256}.*")
            good = hashlib.sha256(file.read_bytes()).hexdigest() == sha256
        except (OSError, ValueError):
            return Missing(sha256, f"{node.name} has no file of blob {sha256}")
        return None if good else Missing(sha256, f"{node.name} has other bytes for blob {sha256}")

    with ThreadPoolExecutor(_HASHERS) as threads:
        return [problem for problem in threads.map(check, hashes) if problem]
