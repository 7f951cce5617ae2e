"""What the stories are told with: a real cluster, plain HTTP, and the question "does it come true in time?"

Uses no client library of ours for reads and uploads, so that a mistake there cannot hide one in a daemon.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from PIL import Image

from atoll.ids import now_ms
from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS
from atoll.signing import Keys, internal_token

EU, US, AP = (f"{region.name}-1" for region in REGIONS)
NODES = (EU, US, AP)
PLACES = {f"{r.name}-1": {"lat": str(r.lat), "lon": str(r.lon)} for r in REGIONS}


def picture(seed: int, side: int = 64) -> bytes:
    """A small JPEG that no other seed gives."""
    rng = random.Random(seed)
    image = Image.frombytes("RGB", (side, side), rng.randbytes(side * side * 3))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


@dataclass(frozen=True)
class Stored:
    """An acknowledged upload."""

    asset_id: str
    sha256: str
    path: str
    body: bytes


class Story:
    """One cluster and the things people and peers do to it."""

    def __init__(self, cluster: LocalCluster, session: aiohttp.ClientSession) -> None:
        self.cluster, self.session = cluster, session
        self._keys = Keys((cluster.paths.secrets / "cluster-secret").read_bytes().strip())
        self.auth = {"Authorization": f"Bearer {cluster.admin_key}"}
        self.query = cluster.url(cluster.names("query_service")[0])

    async def ticket(self, node: str, **fields: Any) -> dict[str, Any]:
        """A ticket for a client that stands where `node` stands."""
        async with self.session.post(
            f"{self.query}/v1/uploads",
            params=PLACES[node],
            json={"bucket": BUCKET, **fields},
            headers=self.auth,
        ) as response:
            ticket: dict[str, Any] = await response.json()
        assert response.status in {201, 503}, ticket  # 503: no healthy node is known yet
        return ticket

    async def ticket_for(self, node: str) -> dict[str, Any]:
        """A ticket for exactly this node, once the query service believes in it."""
        found: list[dict[str, Any]] = []

        async def issued() -> bool:
            found.append(await self.ticket(node))
            return bool(found[-1].get("node") == node)

        await eventually(issued, f"no ticket for {node}")
        return found[-1]

    async def put(self, ticket: dict[str, Any], body: bytes) -> Stored:
        """Upload raw bytes; the acknowledgement."""
        async with self.session.put(ticket["upload_url"], data=io.BytesIO(body)) as response:
            assert response.status == 201, await response.text()
            asset = await response.json()
        assert asset["sha256"] == hashlib.sha256(body).hexdigest()
        return Stored(asset["asset_id"], asset["sha256"], asset["path"], body)

    async def upload(self, node: str, body: bytes) -> Stored:
        """Ticket and bytes."""
        return await self.put(await self.ticket_for(node), body)

    async def holds(self, node: str, sha256: str) -> bool:
        """Whether the node itself says that it holds the blob, durably."""
        return await self.holds_at(self.cluster.url(node), node, sha256)

    async def holds_at(self, url: str, node: str, sha256: str) -> bool:
        """The same of a node at `url`, one of the cluster's own or not."""
        path = f"/internal/v1/locations/{BUCKET}/{sha256}"
        token = internal_token("probe", node, "GET", path, self._keys, now_ms())
        try:
            async with self.session.get(url + path, headers={"Authorization": f"Atoll {token}"}) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def internal(
        self, node: str, method: str, path: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """What the node's internal API answers to a daemon of the cluster."""
        sent = b"" if body is None else msgspec.json.encode(body)
        token = internal_token("probe", node, method, path, self._keys, now_ms(), sent)
        headers = {"Authorization": f"Atoll {token}"}
        url = self.cluster.url(node) + path
        async with self.session.request(method, url, data=sent or None, headers=headers) as response:
            return response.status, await response.json()

    async def everywhere(self, stored: list[Stored], seconds: float = 60.0) -> None:
        """Every node holds every blob; with the bytes that were sent."""
        for node in NODES:
            for one in stored:
                await eventually(
                    lambda n=node, s=one: self.holds(n, s.sha256), f"{node} lacks {one}", seconds
                )

    async def read(self, node: str, path: str, **headers: str) -> tuple[int, bytes]:
        """GET a path from a node."""
        async with self.session.get(self.cluster.url(node) + path, headers=headers) as response:
            return response.status, await response.read()

    async def asset(self, asset_id: str) -> tuple[int, dict[str, Any]]:
        """The asset as the catalog has it."""
        async with self.session.get(f"{self.query}/v1/assets/{asset_id}", headers=self.auth) as response:
            return response.status, await response.json()

    async def in_catalog(self, asset_id: str, locations: int = 1) -> bool:
        """Whether the catalog knows the asset with at least so many locations."""
        status, asset = await self.asset(asset_id)
        return status == 200 and len(asset["locations"]) >= locations

    async def resolve(self, asset_id: str, place: str) -> tuple[int, dict[str, Any]]:
        """Where a client at a node's place is sent."""
        async with self.session.get(
            f"{self.query}/v1/assets/{asset_id}/url", params=PLACES[place], headers=self.auth
        ) as response:
            return response.status, await response.json()

    async def resolve_handle(self, stored: Stored, place: str) -> dict[str, Any]:
        """The same by handle: needs no database."""
        handle = stored.path.removeprefix(f"/{BUCKET}/")
        body = {
            "items": [{"bucket": BUCKET, "handle": handle}],
            **{k: float(v) for k, v in PLACES[place].items()},
        }
        async with self.session.post(f"{self.query}/v1/resolve", json=body, headers=self.auth) as response:
            assert response.status == 200, await response.text()
            result: dict[str, Any] = (await response.json())["results"][0]
        return result


async def eventually(
    condition: Callable[[], Awaitable[bool]],
    otherwise: str | Callable[[], str],
    seconds: float = 30.0,
    every: float = 0.05,
) -> None:
    """Return as soon as `condition` holds; fail with `otherwise` (asked then) after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        late = asyncio.get_running_loop().time() >= deadline
        assert not late, otherwise() if callable(otherwise) else otherwise
        await asyncio.sleep(every)
