"""A form's files, each by itself, and what the whole form is answered: JSON, or the way to a page.

The ticket is in the URL, or in a field before the first file, as a plain HTML form brings it. Called by
uploads_api.py; upload_form.py reads the body, form_redirect.py knows where a browser may be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web

from atoll import names
from atoll.errors import AtollError, BadRequest, BodyMismatch, BodyTimeout, TooManyFiles
from atoll.http import json_response
from atoll.signing import Ticket
from storage_node.body_pace import Pace
from storage_node.cors import PAGES, UploadPages
from storage_node.data_uri_body import TextBodies
from storage_node.file_number import first_file
from storage_node.form_redirect import redirect_of, with_assets
from storage_node.form_words import with_words
from storage_node.peers import MapView
from storage_node.settings import NodeSettings
from storage_node.upload_answer import Acknowledger, status_of
from storage_node.upload_door import UploadDoor
from storage_node.upload_form import UploadForm
from storage_node.upload_intake import UploadIntake
from storage_node.upload_policy import max_bytes, upload_of


class _Form(NamedTuple):
    """A form whose first file was reached. `first`: that file's number in the ticket."""

    request: web.Request
    form: UploadForm
    ticket: Ticket
    first: int
    redirect: str | None
    results: list[dict[str, Any]]


class FormIntake:
    """See the module. `pace` is that of all bodies."""

    def __init__(
        self,
        settings: NodeSettings,
        cluster: MapView,
        door: UploadDoor,
        intake: UploadIntake,
        acknowledger: Acknowledger,
        pace: Pace,
        go_on: Callable[[web.Request], Any],
        texts: TextBodies,
    ) -> None:
        self._settings, self._cluster, self._door = settings, cluster, door
        self._intake, self._acknowledger, self._pace, self._go_on = intake, acknowledger, pace, go_on
        self._texts = texts

    async def take(self, request: web.Request) -> web.Response:
        """The answer to a whole form. A ticket in the URL is looked at before anything is read."""
        ticket = self._door.ticket(request) if request.query.get("ticket") else None
        form = UploadForm(request, self._pace, ticketed=ticket is not None)
        await self._go_on(request)
        files = form.files()
        part = await anext(files)
        ticket = with_words(ticket or self._door.ticket(request, form.fields.get("ticket")), form.fields)
        request[PAGES] = UploadPages(ticket.bucket, ticket.origin)
        redirect = redirect_of(form.fields, self._cluster.current.buckets.get(ticket.bucket))
        asked = _Form(request, form, ticket, first_file(request, ticket), redirect, [])
        with self._door.place():
            try:
                await self._take_part(asked, part)
                async for part in files:
                    await self._take_part(asked, part)
            except AtollError as error:
                if not asked.results:
                    raise
                # what was stored before this error stays stored: say so
                raise type(error)(error.detail, **error.facts, results=asked.results) from error
        return _answer(asked)

    async def _take_part(self, asked: _Form, part: BodyPartReader) -> None:
        """Each part named `file`, one after another; every one stands or falls by itself."""
        limit = min(asked.ticket.max_files - asked.first, self._settings.max_files)
        if len(asked.results) >= limit:
            raise TooManyFiles(f"One request may carry {limit} files here.", limit=limit)
        asked.results.append(await self._result(asked, part))

    async def _result(self, asked: _Form, part: BodyPartReader) -> dict[str, Any]:
        ticket, length = asked.ticket, asked.request.content_length
        limit = max_bytes(ticket, self._settings, self._cluster.current)
        expected = limit if length is None else min(limit, length)
        try:
            filename = names.check_filename(part.filename) if part.filename else None
            declared = part.headers.get("Content-Type", None if filename is None else "")
            body = await self._texts.opened(partial(asked.form.body, part), declared, limit)
            number = asked.first + len(asked.results)
            upload = upload_of(ticket, number, filename, body.declared, self._settings, self._cluster.current)
            record = await self._intake.take(body.pieces, upload, expected)
        except (BodyMismatch, BodyTimeout, BadRequest):
            raise  # the request itself is broken: there is no next part
        except AtollError as error:
            if ticket.max_files == 1:
                raise
            await asked.form.skip(part, limit)
            return {"status": error.status, "problem": error.problem()}
        asset = await self._acknowledger.confirmed(record, ticket)
        return {"status": status_of(asset), "asset": asset}


def _answer(asked: _Form) -> web.Response:
    """A page is gone to only when every file was taken."""
    results = asked.results
    statuses = {result["status"] for result in results}
    if asked.redirect is not None and statuses <= {201, 202}:
        location = with_assets(asked.redirect, [result["asset"] for result in results])
        return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
    if asked.ticket.max_files == 1:
        return json_response(results[0]["asset"], status=results[0]["status"])
    whole = 201 if statuses == {201} else 202 if statuses <= {201, 202} else 207
    return json_response({"results": results}, status=whole)
