"""A tus client for tests, by hand: one request a call, nothing tried again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from node_fixture import DEADLINE, Answer, NodeProcess

VERSION = {"Tus-Resumable": "1.0.0"}
BODY = {**VERSION, "Content-Type": "application/offset+octet-stream"}


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def create(node: NodeProcess, length: int | None, token: str | None = None, **headers: str) -> Answer:
    """A creation; `_` in header names stands for `-`."""
    return create_with(node, None, length, token, **headers)


def create_with(
    node: NodeProcess, body: Any, length: int | None, token: str | None = None, **headers: str
) -> Answer:
    """A creation that brings the first bytes, if `body` is any."""
    sent = {**(VERSION if body is None else BODY), **_named(headers)}
    if length is not None:
        sent["Upload-Length"] = str(length)
    path = f"/v1/tus?ticket={quote(node.ticket() if token is None else token)}"
    return node.request("POST", path, body, sent)


def begun(node: NodeProcess, length: int, token: str | None = None, **headers: str) -> str:
    """The target of a new upload."""
    answer = create(node, length, token, **headers)
    assert answer.status == 201, answer
    return target_of(answer)


def target_of(answer: Answer) -> str:
    """Path and query of a creation's Location."""
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def patch(
    node: NodeProcess, target: str, offset: int, body: bytes | Iterable[bytes], **headers: str
) -> Answer:
    """The next bytes."""
    return node.request("PATCH", target, body, {**BODY, "Upload-Offset": str(offset), **_named(headers)})


def head(node: NodeProcess, target: str) -> Answer:
    """Without a body, whatever type of one the headers speak of."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", node.port, timeout=DEADLINE)) as c:
        c.request("HEAD", target, None, VERSION)
        response = c.getresponse()
        return Answer(response.status, response.headers, response.read())


def offset(node: NodeProcess, target: str) -> int:
    """How far the upload is."""
    answer = head(node, target)
    assert answer.status == 200, answer
    return int(answer.headers["Upload-Offset"])


def part_of(node: NodeProcess, token: str, data: bytes) -> str:
    """The target of a complete part."""
    target = begun(node, len(data), token, Upload_Concat="partial")
    answer = patch(node, target, 0, data)
    assert answer.status == 204, answer
    return target


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def files(node: NodeProcess) -> list[str]:
    """What lies on the disk of resumable uploads."""
    return sorted(path.name for path in (node.data / "tus").iterdir())
