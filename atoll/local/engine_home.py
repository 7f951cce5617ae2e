"""What every engine is given: its place on disk, its port, its password. Frozen data.

Layout under the cluster's directory: `engines/<name>/` is the engine's working directory with its
configuration and `data`; `logs/<name>.log` its log; `secrets/<name>-password` its password.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from atoll.local.engine_errors import NotReadyError
from atoll.local.ports import LOOPBACK
from atoll.local.process_spec import child_environment
from atoll.local.secrets_dir import SecretsDir

USER = "atoll"  # the one user of every engine


@dataclass(frozen=True)
class EngineHome:
    """Where one engine lives. `password` needs no quoting anywhere (`secrets_dir.new_secret`)."""

    name: str
    path: Path
    log: Path
    port: int
    password: str = field(repr=False)
    env: Mapping[str, str] = field(repr=False)

    @property
    def data(self) -> Path:
        """The engine's data directory, made by `make_home`."""
        return self.path / "data"


def make_home(directory: Path, name: str, port: int, environ: Mapping[str, str]) -> EngineHome:
    """Make an engine's directories (0700) and its password where they are missing. Raises EngineError."""
    path = (directory / "engines" / name).resolve()
    for part in (path, path / "data"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = SecretsDir(directory / "secrets").get(f"{name}-password")
    log = directory.resolve() / "logs" / f"{name}.log"
    return EngineHome(name, path, log, port, password, child_environment(environ, path))


async def check_listens(port: int) -> None:
    """Raise NotReadyError unless someone listens. Asked first: drivers take long to say "refused"."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        raise NotReadyError(f"nothing listens on {LOOPBACK}:{port}") from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
