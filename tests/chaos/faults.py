"""What breaks in a chaos run. Everything that is broken is mended after its time, or by the cluster itself.

Only copies that every node confirmed are damaged: a disk that loses the only copy there is breaks no promise.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from probe.repair_story import empty_catalog, wipe_streams
from probe.story import NODES, Story

from chaos.plan import Breakage
from chaos.register import Asset, Register


class Faults:
    """Breaks things; one lock per thing, for a thing breaks in one way at a time."""

    def __init__(self, story: Story, register: Register) -> None:
        self._story, self._register = story, register
        self._locks: dict[str, asyncio.Lock] = {}

    async def do(self, breakage: Breakage) -> None:
        """Break it, wait, mend it."""
        async with self._locks.setdefault(breakage.target, asyncio.Lock()):
            self._register.note("fault", fault=breakage.fault, target=breakage.target)
            match breakage.fault:
                case "kill":
                    await self._away(breakage)
                case "freeze":
                    await self._freeze(breakage)
                case "engine":
                    await self._engine(breakage)
                case "wipe streams":
                    with contextlib.suppress(OSError, TimeoutError):  # NATS may be away itself
                        await wipe_streams(self._story)
                case "empty catalog":
                    await self._empty_catalog()
                case "flip a bit" | "lose a file":
                    await self._damage(breakage)
                case "lose the index":
                    await self._lose_index(breakage.target)
            self._register.note("mended", fault=breakage.fault, target=breakage.target)

    async def _away(self, breakage: Breakage) -> None:
        daemon = self._story.cluster.daemons[breakage.target]
        await daemon.kill(restart=False)
        await asyncio.sleep(breakage.seconds)
        await daemon.start()

    async def _freeze(self, breakage: Breakage) -> None:
        pid = self._story.cluster.daemons[breakage.target].status.pid
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(breakage.seconds)
            os.kill(pid, signal.SIGCONT)

    async def _engine(self, breakage: Breakage) -> None:
        engine = self._story.cluster.engines.process(breakage.target)
        await engine.stop()
        await asyncio.sleep(breakage.seconds)
        await engine.start()

    async def _empty_catalog(self) -> None:
        """Only when it can be asked: what lies in MongoDB is made again by `catalog rebuild` at the end."""
        if self._story.cluster.engines.mongodb.status.pid is not None:
            await asyncio.to_thread(empty_catalog, self._story)

    async def _damage(self, breakage: Breakage) -> None:
        asset = self._register.pick(breakage.pick, "live")
        if asset is None or not await self._everywhere(asset):
            return
        for path in await asyncio.to_thread(self._files, breakage.target, asset):
            self._register.note("damage", file=str(path), asset_id=asset.asset_id)
            await asyncio.to_thread(_flip if breakage.fault == "flip a bit" else _unlink, path)

    async def _lose_index(self, node: str) -> None:
        daemon = self._story.cluster.daemons[node]
        await daemon.stop()
        data = self._story.cluster.paths.data(node)
        for path in data.glob("index.db*"):
            path.unlink()
        await daemon.start()

    async def _everywhere(self, asset: Asset) -> bool:
        return all([await self._story.holds(node, asset.sha256) for node in NODES])

    def _files(self, node: str, asset: Asset) -> list[Path]:
        return list(self._story.cluster.paths.data(node).glob(f"blobs/*/*/*/{asset.sha256}.*"))


def _flip(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 0x10
        path.chmod(0o644)
        path.write_bytes(body)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
