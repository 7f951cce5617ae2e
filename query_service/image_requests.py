"""What a request for `/i/…` asks for: its raw path, read by the grammar, and its one address. Pure.

Nothing is decoded before `paths` looks: what is escaped twice, or escaped where it need not be, is its
business. Refuses with `BadTransformation`, `BadName` or `BadRequest`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from aiohttp import web

from atoll.errors import BadRequest
from atoll.transformation.limits import Limits
from atoll.transformation.paths import ImagePath, parse_image_path
from atoll.transformation.thumbnail_style import WORDS, from_query


class ImageRequest(NamedTuple):
    """The image that is meant; `moved_to` is its address when it was written in another way."""

    image: ImagePath
    moved_to: str | None


def target_of(request: web.Request) -> str:
    """Path and query as sent: ASCII, for aiohttp refuses all else."""
    raw = request.raw_path
    # RFC 9112 section 3.2.2: a target may also be a whole URL.
    return raw if raw.startswith("/") else request.rel_url.raw_path_qs


def read_target(target: str, parameters: Iterable[tuple[str, str]], limits: Limits) -> ImageRequest:
    """What is asked for, in a path or with the older `?w=&h=&fit=`; `parameters` are the query's, decoded."""
    path, mark, query = target.partition("?")
    image = parse_image_path(path, limits)
    if mark and (older := from_query(parameters, limits)):
        if image.transformation is not None:
            raise BadRequest(
                "A transformation is in the path, or in w, h and fit: not both.", parameter=", ".join(WORDS)
            )
        image = image._replace(transformation=older)
        return ImageRequest(image, _with_query(image.spelt, _without_words(query)))
    # A plain image is where it always was, however its name is escaped: nothing is signed or kept by that.
    if image.transformation is None or path == image.spelt:
        return ImageRequest(image, None)
    return ImageRequest(image, _with_query(image.spelt, query))


def _without_words(query: str) -> str:
    return "&".join(pair for pair in query.split("&") if unquote(pair.partition("=")[0]) not in WORDS)


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
