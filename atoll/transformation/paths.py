"""Transformations in URL paths: found, taken out, and put in. Pure.

On a node `/{bucket}/{transformation…}/{set}/{sha256}.{ext}`: what is between bucket and set can only be a
transformation. On the query service `/i/{bucket}/{transformation…}/{public_id}`, where a public_id may have
folders. There, as in Cloudinary, the segments from the left that look like components are the transformation,
the last segment never is, and a look-alike folder has a separator before it: a lone `_`.

A segment looks like a component when one of its comma-separated words begins with a known parameter, `w_`.
So a misspelt value is told as such, while `my_photos/cat` is a folder. Paths are raw: percent-encoded ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from atoll import names
from atoll.errors import BadRequest, BadTransformation, NotFound
from atoll.names import Handle
from atoll.transformation.canonical import canonical
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.parameters import PARAMETERS
from atoll.transformation.parser import parse
from atoll.transformation.steps import Transformation

SEPARATOR = "_"
_LONGEST = 16_384  # characters of a path: twice what our HTTP servers take
_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AT_LEAST = 3  # bucket, set, blob

Parse = Callable[[str, Limits], Transformation]


class NodePath(NamedTuple):
    """A blob on a node, or what a transformation makes of it."""

    bucket: str
    transformation: Transformation | None
    handle: Handle

    @property
    def spelt(self) -> str:
        """The one URL path of it: what is signed, and what others are redirected to."""
        return node_path(*self)


class ImagePath(NamedTuple):
    """The current picture of an asset, or what a transformation makes of it."""

    bucket: str
    transformation: Transformation | None
    public_id: str

    @property
    def spelt(self) -> str:
        """The one URL path of it on the query service."""
        return image_path(*self)


def parse_node_path(path: str, limits: Limits = DEFAULTS, parse: Parse = parse) -> NodePath:
    """What a raw path on a node means; `NotFound`, `BadName`, `BadRequest` or `BadTransformation`.

    `parse`: the parser, or one that remembers (`parse_memo`).
    """
    segments = _segments(path)
    if len(segments) < _AT_LEAST or segments[0] in names.RESERVED_BUCKETS:
        raise NotFound("Nothing is served at this path. An image is /{bucket}/{set}/{sha256}.{extension}.")
    bucket, *components, set_name, blob = segments
    handle = Handle(names.check_set(set_name), *names.split_blob_name(blob))
    return NodePath(names.check_bucket(bucket), _transformation(components, limits, parse), handle)


def parse_image_path(path: str, limits: Limits = DEFAULTS) -> ImagePath:
    """What a raw path `/i/…` on the query service means; errors as in `parse_node_path`."""
    segments = _segments(path)
    if len(segments) < _AT_LEAST or segments[0] != "i":
        raise NotFound("Nothing is served at this path. An image is /i/{bucket}/{public_id}.")
    bucket, rest = names.check_bucket(segments[1]), segments[2:]
    count = _leading_components(rest)
    folders = rest[count + 1 :] if _is_separated(rest, count) else rest[count:]
    public_id = names.check_public_id("/".join(_decoded(folder) for folder in folders))
    try:
        transformation = _transformation(rest[:count], limits, parse)
    except BadTransformation as error:
        separated = "/".join([SEPARATOR, *rest])
        hint = f"{error.detail}. If it is a folder's name, write /i/{bucket}/{separated[:200]}"
        raise BadTransformation(hint, **error.facts) from error
    return ImagePath(bucket, transformation, public_id)


def _segments(path: str) -> list[str]:
    if not path.isascii() or len(path) > _LONGEST:
        raise BadRequest(f"A path is ASCII, up to {_LONGEST} characters; others are percent-encoded in it.")
    if not path.startswith("/"):
        raise NotFound("Nothing is served at this path.")
    return path[1:].split("/")


def _leading_components(segments: list[str]) -> int:
    """How many segments from the left are a transformation; the last one never is."""
    for count, segment in enumerate(segments[:-1]):
        if not looks_like_component(segment):
            return count
    return max(len(segments) - 1, 0)


def _is_separated(segments: list[str], count: int) -> bool:
    return segments[count] == SEPARATOR and count < len(segments) - 1


def looks_like_component(segment: str) -> bool:
    """Whether this segment (raw or not) is a component rather than a folder."""
    words = unquote_to_bytes(segment).split(b",")
    return any(_begins_as_parameter(word) for word in words)


def _begins_as_parameter(word: bytes) -> bool:
    key, underscore, value = word.partition(b"_")
    return bool(underscore and value) and key.decode("ascii", "replace") in PARAMETERS


def _transformation(components: list[str], limits: Limits, parse: Parse) -> Transformation | None:
    if not components:
        return None
    decoded = [_decoded(component) for component in components]
    for text in decoded:
        if "/" in text:
            raise BadTransformation(
                "A slash inside a component is escaped twice in a URL: %252F.", parameter="/", nearest="%252F"
            )
    return parse("/".join(decoded), limits)


def _decoded(segment: str) -> str:
    if _MALFORMED.search(segment):
        raise BadRequest("A percent sign in a path is followed by two hexadecimal digits.")
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise BadRequest("What is percent-encoded in a path is UTF-8.") from None


def quoted(transformation: Transformation) -> str:
    """The canonical form as it stands in a URL path."""
    return canonical(transformation).replace("%", "%25")


def node_path(bucket: str, transformation: Transformation | None, handle: Handle) -> str:
    """The URL path on any node."""
    middle = f"/{quoted(transformation)}" if transformation is not None else ""
    return f"/{bucket}{middle}/{handle}"


def image_path(bucket: str, transformation: Transformation | None, public_id: str) -> str:
    """The URL path on the query service, with a separator where a folder could be taken for a component."""
    first, slash, _ = public_id.partition("/")
    confusing = bool(slash) and (first == SEPARATOR or looks_like_component(first))
    middle = [quoted(transformation)] if transformation is not None else []
    parts = [*middle, *([SEPARATOR] if confusing else []), quote(public_id, safe="/:,@!$*()=;")]
    return f"/i/{bucket}/{'/'.join(parts)}"
