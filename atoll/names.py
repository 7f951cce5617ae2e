"""The grammar of every name that reaches a path, a subject or a key. Pure.

Owns what a bucket, public_id, node, region, set, hash and extension may look like, and how a handle is
written. Refuses everything else with `BadName`, so that no other module needs to sanitize.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from atoll.errors import BadName

EXTENSIONS = ("jpg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp")
CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "heic": "image/heic",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
}
MAX_PUBLIC_ID_BYTES = 255
MAX_FILENAME_BYTES = 255

# A bucket is the first segment of a URL: these words are taken by the daemons' own paths.
RESERVED_BUCKETS = frozenset({"internal", "health", "metrics", "app", "docs", "static"})
# Heartbeats and alerts live on atoll.<word>.…, where a region's events live on atoll.<region>.….
RESERVED_REGIONS = frozenset({"heartbeat", "alert", "catalog", "map"})

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FORBIDDEN_IN_PUBLIC_ID = re.compile(r"[\x00-\x1f\x7f?&#\\%<>+\"'`]")


class Handle(NamedTuple):
    """set + sha256 + extension: enough to find a blob with no database at all."""

    set: str
    sha256: str
    ext: str

    def __str__(self) -> str:
        return f"{self.set}/{self.sha256}.{self.ext}"


def _bad(what: str, value: object, rule: str) -> BadName:
    return BadName(f"{what} {rule}", name=what, got=str(value)[:80])


def check_bucket(value: str) -> str:
    """3 to 63 of a–z, 0–9 and inner hyphens, as in S3 (without dots)."""
    if not _BUCKET.fullmatch(value) or value in RESERVED_BUCKETS:
        raise _bad("bucket", value, "is 3 to 63 of a-z, 0-9 and inner hyphens, and not a reserved word")
    return value


def _check_label(what: str, value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise _bad(what, value, "is 1 to 32 of a-z, 0-9 and inner hyphens")
    return value


def check_node(value: str) -> str:
    """A node's name: a DNS label of up to 32 characters."""
    return _check_label("node", value)


def check_set(value: str) -> str:
    """A set's name: a DNS label of up to 32 characters."""
    return _check_label("set", value)


def check_region(value: str) -> str:
    """A region's name: a DNS label of up to 32 characters, outside the subjects we use ourselves."""
    if value in RESERVED_REGIONS:
        raise _bad("region", value, "is a word that Atoll uses itself")
    return _check_label("region", value)


def check_sha256(value: str) -> str:
    """64 lower-case hexadecimal digits."""
    if not _SHA256.fullmatch(value):
        raise _bad("sha256", value, "is 64 lower-case hexadecimal digits")
    return value


def check_extension(value: str) -> str:
    """One of the extensions that stored blobs have."""
    if value not in CONTENT_TYPES:
        raise _bad("extension", value, f"is one of {', '.join(EXTENSIONS)}")
    return value


def check_public_id(value: str) -> str:
    """1 to 255 bytes of UTF-8 in NFC, folders separated by `/`; returns the normalized form.

    Refused: empty, `.` and `..` segments, leading or trailing space, control characters and
    `? & # \\ % < > +` with quotes, which Cloudinary refuses too because they do not survive URLs.
    """
    name = unicodedata.normalize("NFC", value)
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise _bad("public_id", ascii(value), "must be valid Unicode") from None
    if not 1 <= size <= MAX_PUBLIC_ID_BYTES:
        raise _bad("public_id", value, f"is 1 to {MAX_PUBLIC_ID_BYTES} bytes of UTF-8")
    if _FORBIDDEN_IN_PUBLIC_ID.search(name) or any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in name
    ):
        raise _bad("public_id", ascii(value), "has no control characters, quotes or any of ? & # \\ % < > +")
    for segment in name.split("/"):
        if segment in {"", ".", ".."} or segment != segment.strip():
            raise _bad("public_id", value, "has no empty, '.' or '..' folder and no space at a folder's edge")
    return name


def check_filename(value: str) -> str:
    """A client's file name, kept as a remark only: up to 255 bytes, no path, no control characters."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise _bad("filename", ascii(value), "must be valid Unicode") from None
    if not 1 <= size <= MAX_FILENAME_BYTES:
        raise _bad("filename", ascii(value), f"is 1 to {MAX_FILENAME_BYTES} bytes of UTF-8")
    if value in {".", ".."} or any(c in "/\\" or unicodedata.category(c) in {"Cc", "Cs"} for c in value):
        raise _bad("filename", ascii(value), "is a plain name: no path, no control characters")
    return unicodedata.normalize("NFC", value)


def split_blob_name(value: str) -> tuple[str, str]:
    """`<sha256>.<ext>` as its two parts."""
    sha256, dot, ext = value.partition(".")
    if not dot:
        raise _bad("blob name", value, "is <sha256>.<extension>")
    return check_sha256(sha256), check_extension(ext)


def parse_handle(value: str) -> Handle:
    """`<set>/<sha256>.<ext>` as a `Handle`."""
    set_name, slash, blob = value.partition("/")
    if not slash:
        raise _bad("handle", value, "is <set>/<sha256>.<extension>")
    return Handle(check_set(set_name), *split_blob_name(blob))


def blob_path(bucket: str, handle: Handle) -> str:
    """The URL path under which every node serves this blob."""
    return f"/{bucket}/{handle.set}/{handle.sha256}.{handle.ext}"
