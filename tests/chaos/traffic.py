"""Uploads, reads, deletes and restores of a chaos run. Plain HTTP, as a stranger would; nothing is repeated.

Whatever goes wrong with the connection is no violation: things are being broken all the time. A wrong byte is
one, at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any

import aiohttp
from probe.story import BUCKET, NODES, PLACES, Story, picture

from chaos.plan import Act
from chaos.register import Asset, Register

_ANSWER = aiohttp.ClientTimeout(total=20)
_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)


class Traffic:
    """Does acts; `seed` makes its pictures unlike those of other runs."""

    def __init__(self, story: Story, register: Register, seed: int) -> None:
        self._story, self._register, self._seed = story, register, seed
        self._auth = {"Authorization": f"Bearer {story.cluster.admin_key}"}
        self._services = [story.cluster.url(name) for name in story.cluster.names("query_service")]

    async def do(self, act: Act) -> None:
        """One act, whatever comes of it."""
        if act.deed == "upload":
            await self._upload(act)
        elif act.deed == "read":
            await self._read(act)
        else:
            await self._change(act)

    def body(self, number: int) -> bytes:
        """The bytes of the upload with this number."""
        return picture(self._seed * 1_000_003 + number, side=48 + number % 5 * 40)

    async def _ask(self, act: Act, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """A query service's answer; (0, None) when there is none."""
        service = self._services[act.number % len(self._services)]
        try:
            async with self._story.session.request(
                method, service + path, headers=self._auth, timeout=_ANSWER, **more
            ) as response:
                return response.status, await response.json()
        except (*_TROUBLE, ValueError):
            return 0, None

    async def _upload(self, act: Act) -> None:
        order = {"bucket": BUCKET, "durability": act.durability}
        status, ticket = await self._ask(act, "POST", "/v1/uploads", json=order, params=PLACES[act.place])
        if status != 201:
            self._register.note("no ticket", status=status)
            return
        body = await asyncio.to_thread(self.body, act.number)
        try:
            async with self._story.session.put(
                ticket["upload_url"], data=io.BytesIO(body), timeout=_ANSWER
            ) as response:
                status, asset = response.status, await response.json()
        except (*_TROUBLE, ValueError) as error:
            self._register.note("upload in doubt", number=act.number, why=repr(error)[:120])
            return
        if status not in {201, 202}:
            self._register.note("upload refused", status=status, why=asset.get("detail"))
            return
        sha256 = hashlib.sha256(body).hexdigest()
        if asset["sha256"] != sha256:
            self._register.violated("another hash was acknowledged", number=act.number)
        self._register.stored(Asset(asset["asset_id"], asset["path"], sha256, act.number))

    async def _read(self, act: Act) -> None:
        asset = self._register.pick(act.pick, "live", "deleted", "erased", "doubt")
        if asset is None:
            return
        node = act.place if act.number % 2 else NODES[act.number % len(NODES)]
        status, sha256 = await self.fetch(node, asset)
        self._register.note("read", node=node, asset_id=asset.asset_id, status=status)
        if status == 200 and sha256 != asset.sha256:
            self._register.violated("a wrong byte was read", node=node, asset_id=asset.asset_id)

    async def fetch(self, node: str, asset: Asset) -> tuple[int, str]:
        """Status and hash of what a node serves; status 0 when it breaks off or is away."""
        url = self._story.cluster.url(node) + asset.public_path
        try:
            async with self._story.session.get(url, timeout=_ANSWER) as response:
                return response.status, hashlib.sha256(await response.read()).hexdigest()
        except _TROUBLE:
            return 0, ""

    async def _change(self, act: Act) -> None:
        """Delete, erase or restore; an asset takes part in one change at a time."""
        asset = self._register.pick(act.pick, "deleted" if act.deed == "restore" else "live")
        if asset is None:
            return
        asset.busy = True
        try:
            if act.deed == "restore":
                await self._restore(act, asset)
            else:
                await self._delete(act, asset)
        finally:
            asset.busy = False

    async def _delete(self, act: Act, asset: Asset) -> None:
        params = {"bucket": BUCKET, "public_id": asset.asset_id}
        params |= {"trash_seconds": "0"} if act.deed == "erase" else {}
        status, _ = await self._ask(act, "DELETE", f"/v1/assets/{asset.asset_id}", params=params)
        if status == 200:
            self._register.became(asset, "erased" if act.deed == "erase" else "deleted")
        elif status == 0 or status >= 500:
            self._register.became(asset, "doubt")
        else:
            self._register.note("delete refused", asset_id=asset.asset_id, status=status)

    async def _restore(self, act: Act, asset: Asset) -> None:
        status, _ = await self._ask(act, "POST", f"/v1/assets/{asset.asset_id}/restore")
        if status == 200:
            self._register.became(asset, "live")
        elif status == 0 or status >= 500:
            self._register.became(asset, "doubt")
        else:
            self._register.note("restore refused", asset_id=asset.asset_id, status=status)
