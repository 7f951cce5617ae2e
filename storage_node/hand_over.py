"""Private blobs handed to the web server before the node (`X-Accel-Redirect`), after the node's own check.

The node says in an answer without a body which file of an internal location is the body; the server sends it.
The path is made here from names that were parsed, never taken from a request. It is said only to a proxy that
is trusted, asks for it (its configuration sets the header and lets no client set it) and can be told so
(`accel_redirect_prefix`): everybody else gets bytes. Called by delivery.py before it reads anything.
"""

from __future__ import annotations

from aiohttp import web

from atoll.client_address import ClientAddress
from atoll.names import CONTENT_TYPES
from storage_node.blob_answer import BlobRequest
from storage_node.blob_headers import blob_headers
from storage_node.index import HeldBlob
from storage_node.ranges import Conditions

ASKED = "X-Atoll-Accel"
_NO_CONDITIONS = Conditions(None, None, None, None)


class HandOver:
    """`prefix`: the internal location; empty: nothing is handed over."""

    def __init__(self, prefix: str, own_set: str, addresses: ClientAddress) -> None:
        self._prefix, self._own_set, self._addresses = prefix, own_set, addresses

    def may(self, asked: BlobRequest) -> bool:
        """Whether this request, which was let in, can be answered so. Only plain ones: parts and conditions
        are answered here, as always."""
        request = asked.request
        return (
            bool(self._prefix)
            and asked.private_seconds is not None
            and request.method == "GET"
            and asked.conditions == _NO_CONDITIONS
            and asked.address.handle.set == self._own_set
            and request.headers.get(ASKED) == "1"
            and self._addresses.is_proxied(request)
        )

    def answer(self, asked: BlobRequest, held: HeldBlob) -> web.Response:
        """All headers of the blob, and where its bytes lie."""
        blob = held.blob
        place = f"{blob.bucket}/blobs/{blob.sha256[:2]}/{blob.sha256[2:4]}/{blob.sha256}.{blob.ext}"
        headers = {
            **blob_headers(asked.address, asked.private_seconds),
            "Content-Type": CONTENT_TYPES[blob.ext],
            "X-Accel-Redirect": f"{self._prefix}/{self._own_set}/{place}",
        }
        return web.Response(headers=headers)
