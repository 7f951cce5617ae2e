"""The headers of a derivative's answers, its redirects and its refusals. Pure, but for counting nothing.

How long an answer may be kept follows from the URL alone: for ever when nothing in it can change its meaning,
an hour (a setting) with a name, an image layer or a fallback in it, and never longer than its signature
holds. What a client's headers decided is said in `Vary` on every answer, refusals and redirects included.
"""

from __future__ import annotations

import logging
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web

from atoll.errors import AtollError, BadTransformation
from atoll.http import problem_response
from atoll.names import CONTENT_TYPES
from atoll.transformation.negotiation import accept_ch, vary
from storage_node.blob_answer import Shown
from storage_node.blob_headers import SHOWN
from storage_node.derivative import Derivative
from storage_node.derivative_request import Asked, Lease

log = logging.getLogger(__name__)

YEAR_SECONDS = 31_536_000
PROVISIONAL_SECONDS = 10  # while an AVIF is being made
FALLBACK_SECONDS = 60  # the image that is missing may be uploaded any moment
MOVED_SECONDS = 86_400
_REFUSED_SECONDS = 60
# 412 as well: it answers a condition of this one request, and would keep the picture from all the others.
_NEVER_KEPT = frozenset({401, 403, 408, 412, 421, 429})
_TAG_CHARS = 32  # of the digest: 128 bits


class Terms(NamedTuple):
    """What an answer is given under. `longest`: seconds, None for a URL whose meaning cannot change.

    `attachment`: the file name without its extension that a browser saves it under; None: it shows it.
    """

    lease: Lease
    questions: frozenset[str]
    longest: int | None
    attachment: str | None = None

    @property
    def cache_control(self) -> str:
        """The header's value."""
        limits = [limit for limit in (self.longest, self.lease.seconds) if limit is not None]
        whose = "private" if self.lease.private else "public"
        if not limits:
            return f"{whose}, max-age={YEAR_SECONDS}, immutable"
        return f"{whose}, max-age={min(YEAR_SECONDS, *limits)}"

    @property
    def negotiated(self) -> dict[str, str]:
        """`Vary` and `Accept-CH`, as far as there is reason for them."""
        depends = ", ".join(filter(None, [vary(self.questions), "Origin" if self.lease.by_origin else ""]))
        found = {"Vary": depends, "Accept-CH": accept_ch(self.questions)}
        return {name: value for name, value in found.items() if value}


def tag_of(derivative: Derivative) -> str:
    """Its strong entity tag, without quotes: from its bytes, for two nodes may render other ones."""
    return derivative.digest[:_TAG_CHARS]


def shown(derivative: Derivative, terms: Terms, origin: str) -> Shown:
    """What is answered with. `origin`: ram, disk, peer or rendered."""
    headers = {
        "ETag": f'"{tag_of(derivative)}"',
        "Cache-Control": terms.cache_control,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "X-Atoll-Derivative": origin,
        **terms.negotiated,
    }
    if not terms.lease.private:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = SHOWN
        headers["Timing-Allow-Origin"] = "*"
    if derivative.focus_missing:
        headers["X-Atoll-Focus"] = "attention"
    if terms.attachment is not None:
        headers["Content-Disposition"] = _disposition(f"{terms.attachment}.{derivative.format}")
    return Shown(tag_of(derivative), derivative.size, CONTENT_TYPES[derivative.format], headers)


def _disposition(filename: str) -> str:
    """RFC 6266: a plain name for old clients, the real one beside it."""
    plain = "".join(
        char if char.isascii() and (char.isalnum() or char in " ._-()") else "_" for char in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def moved(asked: Asked, terms: Terms, query: str) -> web.Response:
    """To the one URL of what was asked, signature and all."""
    location = asked.path.spelt + (f"?{query}" if query else "")
    limited = terms._replace(longest=MOVED_SECONDS)
    headers = {"Location": location, "Cache-Control": limited.cache_control, **terms.negotiated}
    return web.Response(status=301, headers=headers)


def refusal(error: AtollError, asked: Asked | None, request: web.Request) -> web.Response:
    """The problem document. `asked` None: the path was not understood.

    What cannot be a picture's path at all is kept by nobody: it says nothing that will be asked again.
    """
    if error.status >= 500:
        log.warning(
            "%s %s: %s", request.method, request.path, error.detail, extra={"facts": dict(error.facts)}
        )
    response = problem_response(error)
    understood = asked is not None or isinstance(error, BadTransformation)
    if understood and error.status < 500 and error.status not in _NEVER_KEPT:
        public = asked is None or asked.bucket.visibility == "public"
        response.headers["Cache-Control"] = f"{'public' if public else 'private'}, max-age={_REFUSED_SECONDS}"
    if asked is not None:
        response.headers.update(Terms(Lease(), asked.questions, None).negotiated)
    return response
