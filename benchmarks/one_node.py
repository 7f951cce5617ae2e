"""One real storage node beside a real NATS, for as long as a benchmark needs it."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import psutil

from atoll.ids import new_id, now_ms
from atoll.local.cluster_plan import Value, to_toml
from atoll.local.engine_errors import NotReadyError
from atoll.local.engines import GivenUrls, LocalEngines
from atoll.local.guard import Guard
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec, child_environment
from atoll.local.secrets_dir import SecretsDir
from atoll.signing import Keys, Ticket, sign_token
from benchmarks.lean_client import Request

NODE, REGION, SET, BUCKET = "node-1", "bench", "s1", "pictures"
_NOT_NEEDED = GivenUrls(redis="redis://none", mongodb="mongodb://none")


@dataclass(frozen=True)
class OneNode:
    """A running node."""

    port: int
    data: Path
    keys: Keys
    session: aiohttp.ClientSession
    managed: ManagedProcess

    @property
    def process(self) -> psutil.Process:
        """The node's own process; its inspection workers are the children."""
        pid = self.managed.status.pid
        assert pid is not None
        return psutil.Process(pid)

    def uploads(self, bodies: Iterator[bytes] | list[bytes], bucket: str = BUCKET) -> list[Request]:
        """A PUT for each body, its ticket signed now."""
        return [Request(self._head(len(body), bucket), body) for body in bodies]

    def _head(self, length: int, bucket: str) -> bytes:
        ticket = Ticket(
            ticket_id=new_id(),
            node=NODE,
            set=SET,
            bucket=bucket,
            asset_id=new_id(),
            expires_at=now_ms() + 3_600_000,
            max_bytes=64 * 2**20,
        )
        token = quote(sign_token(ticket, self.keys.ticket))
        lines = (
            f"PUT /v1/uploads?ticket={token} HTTP/1.1",
            "Host: node",
            f"Content-Length: {length}",
            "",
            "",
        )
        return "\r\n".join(lines).encode()

    async def metric(self, name: str) -> float:
        """One figure of GET /metrics."""
        async with self.session.get(f"http://{LOOPBACK}:{self.port}/metrics") as response:
            text = await response.text()
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.MULTILINE)
        if found is None:
            raise LookupError(name)
        return float(found[1])


# What `pip install atoll` gives: the search for faces is an extra, and costs ten times what else is done.
NO_EXTRAS: Mapping[str, Value] = {"faces": "off"}


@asynccontextmanager
async def one_node(directory: Path, settings: Mapping[str, Value] | None = None) -> AsyncIterator[OneNode]:
    """A node under `directory`, with `settings` over what it needs to run."""
    async with (
        aiohttp.ClientSession() as session,
        Guard(directory) as guard,
        LocalEngines(directory, given=_NOT_NEEDED, guard=guard) as engines,
    ):
        port = any_free_port()
        secrets = SecretsDir(directory / "secrets")
        keys = Keys(secrets.get("cluster-secret").encode())
        file = directory / "node.toml"
        file.write_text(
            to_toml({**_settings(directory, port, engines.urls.nats), **NO_EXTRAS, **(settings or {})})
        )
        managed = ManagedProcess(_spec(directory, file, port, session), guard)
        await managed.start()
        try:
            yield OneNode(port, directory / "data", keys, session, managed)
        finally:
            await managed.stop()


def _settings(directory: Path, port: int, nats_url: str) -> dict[str, Value]:
    parts = urlsplit(nats_url)
    return {
        "name": NODE,
        "region": REGION,
        "set": SET,
        "region_lat": 50.1,
        "region_lon": 8.7,
        "listen_port": port,
        "public_url": f"http://{LOOPBACK}:{port}",
        "cluster_secret_file": str(directory / "secrets" / "cluster-secret"),
        "nats_url": f"nats://{parts.hostname}:{parts.port}",
        "nats_user": parts.username or "",
        "nats_password_file": str(directory / "secrets" / "nats-password"),
        "state_dir": str(directory / "state"),
        "data_dir": str(directory / "data"),
        "reserve_bytes": 0,
        "faces": "off",
    }


def _spec(directory: Path, file: Path, port: int, session: aiohttp.ClientSession) -> ProcessSpec:
    async def healthy() -> None:
        try:
            async with session.get(f"http://{LOOPBACK}:{port}/health") as response:
                response.raise_for_status()
        except (aiohttp.ClientError, OSError) as error:
            raise NotReadyError(repr(error)) from error

    return ProcessSpec(
        name=NODE,
        argv=(sys.executable, "-m", "storage_node", "--settings", str(file)),
        env=child_environment({}, directory),
        cwd=directory,
        health=healthy,
        log=directory / "logs" / f"{NODE}.log",
        restart=False,
    )
