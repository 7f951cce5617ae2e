"""Asking where images are: one or many, for a client somewhere. I/O through the query services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.reference import Reference
from atoll.client.views import Resolved, ResolveResult
from atoll.errors import AtollError, NotFound, UpstreamFailed, from_problem
from atoll.model import Position
from atoll.names import check_region

AT_ONCE = 1000
_READ: Mapping[str, type[str] | type[int]] = {"region": str, "net": str, "expires_in": int}  # others: float

Where = Mapping[str, str]


def place(region: str | None, position: Position | None) -> Where:
    """A client's place as query parameters; none when nobody says where it is. `BadName`."""
    if position is not None:
        return {"lat": repr(float(position.lat)), "lon": repr(float(position.lon))}
    return {} if region is None else {"region": check_region(region)}


def terms(expires_in: int | None, net: str | None) -> Where:
    """For how long, in seconds, and for which network a signed URL shall be good, as query parameters."""
    given = {"expires_in": None if expires_in is None else str(expires_in), "net": net}
    return {name: value for name, value in given.items() if value is not None}


def id_segment(asset_id: str) -> str:
    """An asset id as one path segment, whatever is in it; `NotFound` for none: it would be another path."""
    if not asset_id:
        raise NotFound("An asset id is not empty.")
    return quote(asset_id, safe="")


class Resolving:
    """Resolves for a client that is at `here` unless another place is given."""

    def __init__(self, query: QueryServices, own: OwnUploads, here: Where) -> None:
        self._query, self._own, self._here = query, own, here

    async def one(
        self,
        wanted: Reference,
        where: Where | None = None,
        transformation: str | None = None,
        signed: Where | None = None,
    ) -> Resolved:
        """Where it is, or what the transformation makes of it; `NotFound`, `BadTransformation`.

        `signed`: see `terms`.
        """
        if signed:
            where = {**(where or self._here), **signed}
        if wanted.handle is not None:
            return await self._ask(wanted, where, transformation)
        return await self._own.known(wanted.asset(), lambda: self._ask(wanted, where, transformation))

    async def _ask(self, wanted: Reference, where: Where | None, transformation: str | None) -> Resolved:
        if wanted.asset_id is not None:
            path = f"/v1/assets/{id_segment(wanted.asset_id)}/url"
            params = dict(where or self._here) | ({} if transformation is None else {"t": transformation})
            return await self._query.call("GET", path, Resolved, params=params)
        (found,) = await self._at_once([wanted], where or self._here, transformation)
        if isinstance(found, AtollError):
            raise found
        if wanted.handle is not None and found.sha256 != wanted.handle.sha256:
            raise UpstreamFailed("The query service answered for other bytes.", got=found.sha256)
        return found

    async def many(
        self,
        wanted: Iterable[Reference],
        where: Where | None = None,
        transformation: str | None = None,
    ) -> tuple[ResolveResult, ...]:
        """Per item where it is, or its error, in order."""
        items = list(wanted)
        results: tuple[ResolveResult, ...] = ()
        for start in range(0, len(items), AT_ONCE):
            results += await self._at_once(
                items[start : start + AT_ONCE], where or self._here, transformation
            )
        pairs = zip(items, results, strict=True)
        return tuple([await self._settled(item, result, where, transformation) for item, result in pairs])

    async def _settled(
        self, wanted: Reference, result: ResolveResult, where: Where | None, transformation: str | None
    ) -> ResolveResult:
        """`result`, or a later one if it is from before an upload of our own."""
        if wanted.handle is not None or not self._own.doubts(wanted.asset(), result):
            return result
        try:
            return await self.one(wanted, where, transformation)
        except AtollError as error:
            return error

    async def _at_once(
        self, wanted: Sequence[Reference], where: Where, transformation: str | None
    ) -> tuple[ResolveResult, ...]:
        numbers = {name: _READ.get(name, float)(value) for name, value in where.items()}
        body = {"items": [reference.item() for reference in wanted], **numbers}
        body |= {} if transformation is None else {"t": transformation}
        answer = await self._query.call("POST", "/v1/resolve", dict[str, Any], body=body)
        results = answer.get("results", ())
        if len(results) != len(wanted):
            raise UpstreamFailed("The query service did not answer every item.", got=len(results))
        return tuple(_result(result) for result in results)


def _result(result: Any) -> ResolveResult:
    if isinstance(result, dict) and isinstance(problem := result.get("problem"), dict):
        status = problem.get("status")
        return from_problem(problem, status if isinstance(status, int) else 500)
    try:
        return msgspec.convert(result, Resolved)
    except msgspec.ValidationError as error:
        raise UpstreamFailed(f"The query service answered something else than expected: {error}") from error
