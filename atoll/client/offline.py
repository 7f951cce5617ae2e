"""Upload tickets and delivery URLs that a program signs by itself: no cluster is asked. Pure.

    key = read_upload_key(text)                      what `atoll upload-key create` showed
    node = choose_node(nodes, "photos", "a/b")       from a list kept before: `atoll ticket --save-nodes FILE`
    upload = sign_upload(key, node, "photos", public_id="a/b", now_ms=…)
    PUT the bytes to upload.upload_url

    key = read_key(text)                             what `atoll signing-key create` showed
    sign_blob(key, node.url, "photos", handle, expires_at_s, transformation="w_200")
    sign_image(key, "https://api.example.org", "photos", "a/b", expires_at_s)

What a key does not allow is refused by the node, not here: the program has no list of its limits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from atoll.delivery_keys import DeliveryKey, read_key
from atoll.errors import Unavailable
from atoll.names import Handle, check_bucket, check_public_id
from atoll.networks import canonical_network
from atoll.transformation.parser import parse
from atoll.transformation.paths import image_path, node_path
from atoll.transformation.signature import sign
from atoll.upload_keys import OfflineTicket, UploadSecret, new_nonce, read_upload_key, sign_offline

__all__ = [
    "KnownNode",
    "OfflineUpload",
    "choose_node",
    "read_key",
    "read_upload_key",
    "sign_blob",
    "sign_image",
    "sign_upload",
]


class KnownNode(Struct, frozen=True):
    """A node as a program keeps it; of what the cluster says of it, no more is needed."""

    name: str
    region: str
    set: str
    url: str


class OfflineUpload(Struct, frozen=True):
    """Where the bytes go, until when (Unix ms). Whoever has `upload_url` may upload."""

    upload_url: str
    method: str
    ticket: str
    node: str
    region: str
    set: str
    bucket: str
    public_id: str | None
    expires_at: int

    def __repr__(self) -> str:
        return f"OfflineUpload(node={self.node!r}, bucket={self.bucket!r}, …)"


def choose_node(
    nodes: Iterable[KnownNode], bucket: str, public_id: str | None = None, region: str | None = None
) -> KnownNode:
    """A node to upload to; `Unavailable` when there is none.

    Everybody finds the same set for a name, whatever the order of the list, so that its versions stay
    together; without a name another set each time. In it a node of `region`, if there is one.
    """
    of_sets: dict[str, list[KnownNode]] = {}
    for node in nodes:
        of_sets.setdefault(node.set, []).append(node)
    if not of_sets:
        raise Unavailable("No node is known: keep a list of them, see `atoll ticket --save-nodes`.")
    what = f"{bucket}\0{public_id if public_id is not None else new_nonce()}"
    members = of_sets[max(of_sets, key=lambda name: _weight(what, name))]
    near = [node for node in members if node.region == region] or members
    return min(near, key=lambda node: _weight(what, node.name))


def sign_upload(
    key: UploadSecret,
    node: KnownNode,
    bucket: str,
    *,
    now_ms: int,
    seconds: int = 600,
    files: int = 1,
    public_id: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> OfflineUpload:
    """A ticket for one use at `node`. `more`: other fields of `OfflineTicket`, as max_bytes, tags or session.

    `BadName`; ValueError when it is too long for a URL.
    """
    public_id = None if public_id is None else check_public_id(public_id)
    ticket = OfflineTicket(
        node=node.name,
        set=node.set,
        bucket=check_bucket(bucket),
        nonce=new_nonce(),
        issued_at=now_ms,
        expires_at=now_ms + seconds * 1000,
        files=files,
        public_id=public_id,
        **(more or {}),
    )
    token, method = sign_offline(ticket, key), "PUT" if files == 1 else "POST"
    url = f"{node.url.rstrip('/')}/v1/uploads?ticket={token}"
    return OfflineUpload(
        url, method, token, node.name, node.region, node.set, bucket, public_id, ticket.expires_at
    )


def sign_blob(
    key: DeliveryKey,
    node_url: str,
    bucket: str,
    handle: Handle,
    expires_at_s: int,
    *,
    transformation: str | None = None,
    net: str | None = None,
) -> str:
    """The URL of a stored image on a node, or of what a transformation makes of it, until `expires_at_s`
    (Unix seconds), for clients of the network `net` only. `BadName`, `BadTransformation`, `BadRequest`."""
    wanted = None if transformation is None else parse(transformation)
    path = node_path(check_bucket(bucket), wanted, handle)
    return _signed(key, node_url, path, expires_at_s, net)


def sign_image(
    key: DeliveryKey,
    query_url: str,
    bucket: str,
    public_id: str,
    expires_at_s: int,
    *,
    transformation: str | None = None,
    net: str | None = None,
) -> str:
    """The same by name, on a query service: it leads to the nearest node, and outlives new versions."""
    wanted = None if transformation is None else parse(transformation)
    path = image_path(check_bucket(bucket), wanted, check_public_id(public_id))
    return _signed(key, query_url, path, expires_at_s, net)


def _signed(key: DeliveryKey, base: str, path: str, expires_at_s: int, net: str | None) -> str:
    bound = canonical_network(net) if net else ""
    return f"{base.rstrip('/')}{path}?{sign(path, expires_at_s, key, bound)}"


def _weight(what: str, name: str) -> bytes:
    """Rendezvous hashing: each name's own lot for this upload."""
    return hashlib.sha256(f"{what}\0{name}".encode()).digest()
