"""An index.db of a test's own, and uploads into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from atoll.signing import Ticket
from storage_node.index import Index
from storage_node.index_ops import store_upload
from storage_node.origin import Origin

START_MS = 1_800_000_000_000
PLAIN = Picture(4, 3)


class HandOrigin:
    """A node's origin whose clock the test moves."""

    def __init__(self, node: str = "node-1") -> None:
        self.now = START_MS
        self.origin = Origin(node, "eu", "s1", lambda: self.now)


@contextmanager
def opened(path: Path, node: str = "node-1") -> Iterator[Index]:
    """The index in the directory `path`."""
    index = Index(path / "index.db", node)
    try:
        yield index
    finally:
        index.close()


def a_ticket(**changes: object) -> Ticket:
    """A fresh ticket for node-1."""
    facts: dict[str, object] = {
        "ticket_id": new_id(START_MS),
        "node": "node-1",
        "set": "s1",
        "bucket": "photos",
        "asset_id": new_id(START_MS),
        "expires_at": START_MS + 60_000,
        "max_bytes": 10**6,
    }
    return Ticket(**{**facts, **changes})  # type: ignore[arg-type]  # facts of a test


def a_blob(body: bytes, bucket: str = "photos", looks: Picture = PLAIN) -> Blob:
    """The blob of these bytes."""
    return Blob(bucket, hashlib.sha256(body).hexdigest(), "jpg", len(body), looks)


def upload(
    index: Index, origin: Origin, body: bytes, ticket: Ticket | None = None, looks: Picture = PLAIN
) -> AssetRecord:
    """Commit an upload of `body`; its refusal if it is refused."""
    ticket = ticket or a_ticket()
    operation = store_upload(ticket, 0, ticket.asset_id, a_blob(body, looks=looks), b"", None, origin)
    return index.write(operation).result(20)
