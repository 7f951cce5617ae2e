"""What surrounds an audited handler: refused when it cannot be recorded, recorded when it has answered. I/O.

Called by routing.py. Handlers add with `audit_facts` what a path does not say; secrets and whole bodies are
never recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from aiohttp import web

from atoll.http import Handler, problems
from atoll.ids import new_id, now_ms
from query_service.audit_stream import AuditRecord
from query_service.key_reach import API_KEY

_FACTS = web.RequestKey("audit_facts", dict[str, str])
_MAX_PATH_CHARS, _MAX_FACT_CHARS = 2048, 512


class Trail(Protocol):
    """Where records go."""

    def check(self) -> None:
        """Raise unless something can be recorded."""

    async def record(self, record: AuditRecord) -> None:
        """Return when it is durable."""


def audit_facts(request: web.Request, **facts: object) -> None:
    """Say more of what this request does."""
    told = {name: str(value)[:_MAX_FACT_CHARS] for name, value in facts.items()}
    request[_FACTS] = request.get(_FACTS, {}) | told


def audited(handler: Handler, trail: Trail, service: str, clock_ms: Callable[[], int] = now_ms) -> Handler:
    """`handler`, every answer of which is recorded; also a refusal, if the API key is known."""

    async def recorded(request: web.Request) -> web.StreamResponse:
        trail.check()
        response = await problems(request, handler)
        key = request.get(API_KEY)
        if key is not None:
            await trail.record(_record(request, response, key.id, service, clock_ms()))
        return response

    return recorded


def _record(
    request: web.Request, response: web.StreamResponse, key: str, service: str, at: int
) -> AuditRecord:
    return AuditRecord(
        id=new_id(at),
        at=at,
        key=key,
        method=request.method,
        path=request.raw_path[:_MAX_PATH_CHARS],
        status=response.status,
        result="ok" if response.status < 400 else _slug(response),
        service=service,
        address=request.remote or "",
        facts=request.get(_FACTS, {}),
    )


class _Problem(msgspec.Struct):
    type: str = ""


def _slug(response: web.StreamResponse) -> str:
    body = response.body if isinstance(response, web.Response) else None
    try:
        return msgspec.json.decode(bytes(body or b"{}"), type=_Problem).type.rpartition(":")[2]  # type: ignore[arg-type]  # our own, bytes
    except (msgspec.MsgspecError, TypeError):
        return ""
