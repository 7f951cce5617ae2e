"""The query service's HTTP as the stand-in cluster speaks it, over the same state as its nodes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import structs
from standin_state import REGIONS, SET, State, path_of

from atoll import names
from atoll.bucket import Bucket
from atoll.errors import AtollError, NotFound, Unauthorized
from atoll.http import json_response, read_json
from atoll.ids import named_asset_id, new_id, now_ms
from atoll.model import AssetRecord, Node, Position
from atoll.node_api import rfc3339, view_of
from atoll.signing import Ticket, sign_token
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse

MAX_BYTES = 50_000_000


class StandinQueryHttp:
    """One query service's handlers."""

    def __init__(self, state: State, name: str, api_key: str) -> None:
        self._state, self._name, self._api_key = state, name, api_key

    def add_routes(self, app: web.Application) -> None:
        """Serve them."""
        app.middlewares.append(self._authorized)
        add = app.router.add_route
        add("POST", "/v1/uploads", self._ticket)
        add("GET", "/v1/assets", self._list)
        add("GET", "/v1/assets/by-name/{bucket}/{public_id:.+}", self._by_name)
        add("GET", "/v1/assets/{asset_id}", self._asset)
        add("DELETE", "/v1/assets/{asset_id}", self._delete)
        add("GET", "/v1/assets/{asset_id}/url", self._url)
        add("GET", "/v1/assets/{asset_id}/locations", self._locations)
        add("POST", "/v1/resolve", self._resolve)
        for kind in ("nodes", "sets", "regions", "buckets"):
            add("GET", f"/v1/{kind}", getattr(self, f"_{kind}"))
        add("GET", "/v1/buckets/{bucket}", self._show_bucket)
        add("PUT", "/v1/buckets/{bucket}", self._put_bucket)
        add("GET", "/health", self._health)

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path != "/health" and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            raise Unauthorized("This API key is not known here.")
        return await handler(request)

    def _bucket(self, name: str) -> str:
        if name not in self._state.buckets:
            raise NotFound(f"There is no bucket {name!r}.", bucket=name)
        return name

    async def _ticket(self, request: web.Request) -> web.Response:
        order = await read_json(request, dict[str, Any])
        bucket, public_id = self._bucket(order["bucket"]), order.get("public_id")
        asset_id = named_asset_id(bucket, public_id) if public_id else new_id()
        node = self._state.by_distance(_position(request.query))[0]
        self._state.tickets_issued += 1
        ticket = Ticket(
            ticket_id=new_id(),
            node=node.name,
            set=SET,
            bucket=bucket,
            asset_id=asset_id,
            expires_at=now_ms() + self._state.ticket_ms,
            max_bytes=min(order.get("max_bytes", MAX_BYTES), MAX_BYTES),
            public_id=public_id,
            tags=tuple(order.get("tags", ())),
            context=order.get("context", {}),
            eager=tuple(order.get("eager", ())),
        )
        token = sign_token(ticket, self._state.keys.ticket)
        limits = {"max_bytes": ticket.max_bytes, "max_files": 1, "max_pixels": 10**8, "allowed": ["jpg"]}
        view = {
            "upload_url": f"{node.url}/v1/uploads?ticket={quote(token)}",
            "method": "PUT",
            "ticket": token,
            "node": node.name,
            "region": node.region,
            "set": SET,
            "asset_id": asset_id,
            "public_id": public_id or asset_id,
            "bucket": bucket,
            "expires_at": rfc3339(ticket.expires_at),
            "limits": limits,
        }
        return json_response(view, 201)

    def _view(self, record: AssetRecord) -> Any:
        return view_of(record, next(iter(self._state.nodes.values())).node.url, self._state.locations(record))

    async def _asset(self, request: web.Request) -> web.Response:
        return json_response(self._view(self._state.asset(request.match_info["asset_id"])))

    async def _by_name(self, request: web.Request) -> web.Response:
        return json_response(self._view(self._named(**request.match_info)))

    def _named(self, bucket: str, public_id: str) -> AssetRecord:
        found = [r for r in self._state.assets.values() if (r.bucket, r.public_id) == (bucket, public_id)]
        if not found:
            raise NotFound("There is no such asset.", public_id=public_id)
        return found[0]

    async def _list(self, request: web.Request) -> web.Response:
        bucket, prefix = self._bucket(request.query["bucket"]), request.query.get("prefix", "")
        after, limit = request.query.get("cursor", ""), min(int(request.query.get("limit", "2")), 2)
        found = sorted(
            (r for r in self._state.assets.values() if r.bucket == bucket and r.public_id.startswith(prefix)),
            key=lambda record: record.public_id,
        )
        rest = [record for record in found if record.public_id > after]
        cursor = rest[limit - 1].public_id if len(rest) > limit else None
        return json_response({"assets": [self._view(r) for r in rest[:limit]], "next_cursor": cursor})

    async def _delete(self, request: web.Request) -> web.Response:
        record = self._state.asset(request.match_info["asset_id"])
        del self._state.assets[record.asset_id]
        view = {"asset_id": record.asset_id, "deleted_at": rfc3339(now_ms()), "node": "eu-central-1"}
        return json_response(view)

    async def _url(self, request: web.Request) -> web.Response:
        record = self._state.asset(request.match_info["asset_id"])
        text = request.query.get("t")
        resolved = self._resolved(path_of(record), record.blob.sha256, _position(request.query), text)
        return json_response(resolved | {"asset_id": record.asset_id})

    def _resolved(self, path: str, sha256: str, client: Position, text: str | None = None) -> dict[str, Any]:
        holders = self._state.holders(path)
        if not holders:
            raise NotFound("Nobody holds these bytes.")
        more: dict[str, Any] = {}
        if text is not None:
            text = canonical(parse(text))
            bucket, _, handle = path.removeprefix("/").partition("/")
            path, more = f"/{bucket}/{text}/{handle}", {"transformation": text}
        offers = [_offer(node, path) for node in self._state.by_distance(client) if node.name in holders]
        return offers[0] | {"alternatives": offers[1:], "expires_at": None, "sha256": sha256} | more

    async def _resolve(self, request: web.Request) -> web.Response:
        order = await read_json(request, dict[str, Any])
        client = _position(order)
        text = order.get("t")
        return json_response({"results": [self._result(item, client, text) for item in order["items"]]})

    def _result(self, item: dict[str, str], client: Position, text: str | None) -> dict[str, Any]:
        try:
            if "handle" in item:
                handle = names.parse_handle(item["handle"])
                return self._resolved(names.blob_path(item["bucket"], handle), handle.sha256, client, text)
            record = self._state.asset(item["asset_id"]) if "asset_id" in item else self._named(**item)
            resolved = self._resolved(path_of(record), record.blob.sha256, client, text)
            return resolved | {"asset_id": record.asset_id}
        except AtollError as error:
            return {"problem": error.problem()}

    async def _locations(self, request: web.Request) -> web.Response:
        record = self._state.asset(request.match_info["asset_id"])
        return json_response(
            {
                "version": record.version,
                "sha256": record.blob.sha256,
                "locations": self._state.locations(record),
                "expected": list(self._state.nodes),
            }
        )

    async def _nodes(self, _: web.Request) -> web.Response:
        nodes = [
            structs.asdict(state.node)
            | {"health": "healthy", "load": 0.1, "bytes_free": 10**9, "blobs": len(state.blobs), "outbox": 0}
            for state in self._state.nodes.values()
        ]
        return json_response({"nodes": nodes})

    async def _sets(self, _: web.Request) -> web.Response:
        members = [{"node": s.node.name, "region": s.node.region} for s in self._state.nodes.values()]
        one = {"name": SET, "sealed": False, "writable": True, "healthy": len(members), "members": members}
        return json_response({"sets": [one]})

    async def _regions(self, _: web.Request) -> web.Response:
        return json_response({"regions": REGIONS})

    async def _buckets(self, _: web.Request) -> web.Response:
        return json_response({"buckets": list(self._state.buckets.values())})

    async def _show_bucket(self, request: web.Request) -> web.Response:
        return json_response(self._state.buckets[self._bucket(request.match_info["bucket"])])

    async def _put_bucket(self, request: web.Request) -> web.Response:
        order = await read_json(request, dict[str, Any])
        bucket = msgspec.convert({"name": request.match_info["bucket"]} | order, Bucket)
        self._state.buckets[bucket.name] = bucket
        return json_response(bucket, 201)

    async def _health(self, _: web.Request) -> web.Response:
        engines = {"nats": True, "mongodb": True, "redis": True}
        return json_response({"status": "ok", "name": self._name, "region": "eu-central", "engines": engines})


def _offer(node: Node, path: str) -> dict[str, Any]:
    return {"url": node.url + path, "node": node.name, "region": node.region, "distance_km": 1.0}


def _position(where: Any) -> Position:
    if "region" in where:
        return next(region.position for region in REGIONS if region.name == where["region"])
    lat, lon = where.get("lat"), where.get("lon")
    return REGIONS[0].position if lat is None else Position(float(lat), float(lon))
