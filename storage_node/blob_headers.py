"""The headers of a blob's answers. Pure.

A blob never changes, so a public one may be kept for ever (RFC 8246); a private one only by the client
who had the signature, and no longer than that is valid.
"""

from __future__ import annotations

from atoll.names import CONTENT_TYPES
from storage_node.blob_address import BlobAddress
from storage_node.ranges import Span

_PUBLIC = "public, max-age=31536000, immutable"
SHOWN = "ETag, Content-Range, Accept-Ranges, Content-Disposition, X-Atoll-Derivative"  # to pages' scripts


def blob_headers(address: BlobAddress, private_seconds: int | None) -> dict[str, str]:
    """What a 200, 206, 304 and HEAD have in common. `private_seconds`: None for a public bucket."""
    headers = {
        "ETag": f'"{address.handle.sha256}"',
        "Cache-Control": _PUBLIC if private_seconds is None else f"private, max-age={private_seconds}",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }
    if private_seconds is None:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = SHOWN
        headers["Timing-Allow-Origin"] = "*"
    return headers


def body_headers(content_type: str, size: int, span: Span | None) -> dict[str, str]:
    """What a 200, 206 and HEAD have besides: type, length, and of a part its place in the whole."""
    start, end = span or (0, size)
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(end - start),
    }
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return headers


def hot_head(headers: dict[str, str], content_type: str, size: int) -> bytes:
    """Status line and headers of a 200, all but Date and the empty line."""
    whole = {**headers, **body_headers(content_type, size, None)}
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in whole.items()), ""]
    return "\r\n".join(lines).encode("ascii")


def hot_blob_head(address: BlobAddress, size: int) -> bytes:
    """The same of a public blob."""
    return hot_head(blob_headers(address, None), CONTENT_TYPES[address.handle.ext], size)
