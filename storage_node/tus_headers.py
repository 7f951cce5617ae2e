"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload), read and refused. Pure: no I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.errors import BadRequest, EmptyBody, TooLarge
from atoll.tus_errors import TusVersion

VERSION = "1.0.0"
EXTENSIONS = (
    "creation", "creation-with-upload", "expiration", "checksum", "termination", "concatenation",
)  # fmt: skip
BODY_TYPE = "application/offset+octet-stream"
# md5 and sha1 find what a line has damaged; nothing here trusts them further: the blob's name is its SHA-256.
_ALGORITHMS: dict[str, Callable[[], Any]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
ALGORITHMS = tuple(_ALGORITHMS)
MAX_PAIRS = 64
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]{1,255}", re.ASCII)  # visible ASCII but the comma

Headers = Mapping[str, str]


def check_version(headers: Headers) -> None:
    """`TusVersion` unless the request speaks ours."""
    got = headers.get("Tus-Resumable")
    if got != VERSION:
        raise TusVersion(
            f"Send the header Tus-Resumable: {VERSION}.", supported=VERSION, got=(got or "")[:40]
        )


def upload_length(headers: Headers, limit: int) -> int:
    """How long the upload will be, in bytes: 1 to `limit`."""
    if "Upload-Defer-Length" in headers:
        raise BadRequest(
            "creation-defer-length is not offered: send Upload-Length, the size of the file.",
            header="Upload-Defer-Length",
        )
    length = _number(headers, "Upload-Length")
    if length == 0:
        raise EmptyBody("The file is empty. Send the bytes of an image.")
    if length > limit:
        raise TooLarge(f"An image has at most {limit} bytes here.", limit=limit, got=length)
    return length


def upload_offset(headers: Headers) -> int:
    """Where the sender means to go on, in bytes."""
    return _number(headers, "Upload-Offset")


def _number(headers: Headers, name: str) -> int:
    text = headers.get(name)
    if text is None:
        raise BadRequest(f"The header {name} is missing.", header=name)
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"{name} is a number of bytes.", header=name, got=text[:40])
    return int(text)


def parse_metadata(text: str, limit: int) -> dict[str, str]:
    """Upload-Metadata, at most `limit` characters: `key base64,key base64,key`. Values are UTF-8."""
    if len(text) > limit:
        raise TooLarge(f"Upload-Metadata has at most {limit} characters here.", limit=limit, got=len(text))
    pairs = [pair.strip(" ") for pair in text.split(",")] if text.strip(" ") else []
    if len(pairs) > MAX_PAIRS:
        raise TooLarge(f"Upload-Metadata has at most {MAX_PAIRS} keys.", limit=MAX_PAIRS, got=len(pairs))
    metadata: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key) or key in metadata:
            raise _bad_metadata("each key is visible ASCII, without spaces and commas, and comes once", key)
        metadata[key] = _metadata_value(key, value)
    return metadata


def _metadata_value(key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise _bad_metadata("each value is UTF-8 in base64", key) from None


def _bad_metadata(rule: str, key: str) -> BadRequest:
    return BadRequest(f"Upload-Metadata: {rule}.", header="Upload-Metadata", key=ascii(key)[:80])


class Checksum:
    """An Upload-Checksum, and the hash that is made of what comes."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self.algorithm, self._wanted = algorithm, wanted
        self._hash = _ALGORITHMS[algorithm]()

    def update(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._hash.update(data)

    @property
    def matches(self) -> bool:
        """Whether the bytes so far are those that were meant."""
        return hmac.compare_digest(self._hash.digest(), self._wanted)


def checksum_of(headers: Headers) -> Checksum | None:
    """The checksum of this request's body, if it has one."""
    text = headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, digest = text.partition(" ")
    if algorithm not in _ALGORITHMS:
        raise BadRequest(
            f"Checksums are taken by {', '.join(ALGORITHMS)}.", header="Upload-Checksum", got=algorithm[:40]
        )
    try:
        wanted = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        wanted = b""
    if len(wanted) != _ALGORITHMS[algorithm]().digest_size:
        raise BadRequest(
            f"Upload-Checksum is the algorithm, a space, and the {algorithm} of the body in base64.",
            header="Upload-Checksum",
        )
    return Checksum(algorithm, wanted)


@dataclass(frozen=True)
class Concat:
    """An Upload-Concat: a part, or the URLs of the parts that make a whole."""

    urls: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return bool(self.urls)


def concat_of(headers: Headers, max_parts: int) -> Concat | None:
    """What the upload is in a concatenation; None: it is no part of any."""
    text = headers.get("Upload-Concat")
    if text is None:
        return None
    if text == "partial":
        return Concat()
    word, _, urls = text.partition(";")
    parts = tuple(urls.split())
    if word != "final" or not parts:
        raise BadRequest(
            "Upload-Concat is: partial, or final; and the parts' URLs, separated by spaces.",
            header="Upload-Concat",
        )
    if len(parts) > max_parts:
        raise TooLarge(f"An upload has at most {max_parts} parts here.", limit=max_parts, got=len(parts))
    if "Upload-Length" in headers:
        raise BadRequest("A final upload has no Upload-Length: it follows from its parts.")
    return Concat(parts)
