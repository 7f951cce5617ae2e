"""/app/: the web app's pages and files. Anonymous: they are the same for everybody and hold no data.

Every page has the same shell; which page it is, its script reads from the address. What a page shows it asks
of the API, by the session's cookie (session_api.py).
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from atoll.cluster import ClusterMap
from atoll.errors import NotFound
from query_service.routing import Route
from query_service.web_files import WebFile, WebFiles
from query_service.web_policy import ALWAYS, page_headers

_FOREVER = {**ALWAYS, "Cache-Control": "public, max-age=31536000, immutable"}


class WebApi:
    """Serves `files`. The shell says which nodes the `cluster` has now."""

    def __init__(self, files: WebFiles, cluster: Callable[[], ClusterMap]) -> None:
        self._files, self._cluster = files, cluster

    def routes(self) -> list[Route]:
        """After those of sessions: the last one takes every path below /app/."""
        return [
            Route("GET", "/", None, self.enter, reach="anyone"),
            Route("GET", "/app", None, self.enter, reach="anyone"),
            Route("GET", "/app/-/{build}/{file:.+}", None, self.file, reach="anyone"),
            Route("GET", "/app/{page:.*}", None, self.shell, reach="anyone"),
        ]

    async def enter(self, _: web.Request) -> web.Response:
        """To the app."""
        return web.Response(status=302, headers={**ALWAYS, "Location": "/app/"})

    async def file(self, request: web.Request) -> web.Response:
        """One of this build, to be kept for ever; of another build there is none."""
        found = self._files.get(request.match_info["build"], request.match_info["file"])
        if found is None:
            raise NotFound("There is no such file in this build of the web app; load the page again.")
        return _answer(request, found, _FOREVER)

    async def shell(self, request: web.Request) -> web.Response:
        """Every page."""
        return _answer(request, self._files.shell, page_headers(self._cluster()))


def _answer(request: web.Request, file: WebFile, headers: dict[str, str]) -> web.Response:
    sent = {**headers, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=sent)
    sent["Content-Type"] = file.content_type
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.plain, headers=sent)
    return web.Response(body=file.packed, headers={**sent, "Content-Encoding": "gzip"})
