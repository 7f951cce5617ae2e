"""Thumbor from its wheel, in a virtual environment of its own, for as long as a benchmark needs it.

Set to do the same work: the file loader (the node too has its sources on its own disk), no storage, no
result storage, a process for each core, Lanczos, baseline JPEG with optimized tables and halved colours, and
the same encoder speeds for PNG and AVIF (WebP's is libwebp's own in both).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from atoll.local.engine_errors import NotReadyError
from atoll.local.guard import Guard
from atoll.local.ports import LOOPBACK, any_free_port
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec, child_environment

PACKAGES = ("thumbor==7.8.0", "pillow==12.3.0")  # the newest Pillow that this thumbor takes
PROCESSES = os.cpu_count() or 1
_HOME = Path(__file__).parent.parent / ".bench-venv"

_SETTINGS = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {files!r}
STORAGE = "thumbor.storages.no_storage"
RESULT_STORAGE = None
PROGRESSIVE_JPEG = False
PNG_COMPRESSION_LEVEL = {png_level}
AVIF_SPEED = {avif_speed}
"""


@dataclass(frozen=True)
class Thumbor:
    """A running one."""

    port: int
    managed: ManagedProcess

    @property
    def process(self) -> psutil.Process:
        """The first process; the others are its children."""
        pid = self.managed.status.pid
        assert pid is not None
        return psutil.Process(pid)


async def installed() -> Path:
    """The command. Installs what is not there yet (from the package index pip is set to)."""
    command = _HOME / "bin" / "thumbor"
    stamp = _HOME / "packages"
    if not command.exists() or not stamp.exists() or stamp.read_text() != "\n".join(PACKAGES):
        await asyncio.to_thread(_install)
        stamp.write_text("\n".join(PACKAGES))
    return command


async def missing() -> str | None:
    """Why it cannot run here, after an attempt to install it."""
    try:
        await installed()
    except (subprocess.CalledProcessError, OSError) as error:
        return f"its wheels could not be installed ({error})"
    return None


def _install() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(_HOME)], check=True)
    pip = (str(_HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, *PACKAGES], check=True)


@asynccontextmanager
async def thumbor(
    directory: Path, files: Path, png_level: int, avif_speed: int, processes: int = PROCESSES
) -> AsyncIterator[Thumbor]:
    """Thumbor over the pictures in `files`; `directory` is for its settings and its log."""
    directory.mkdir(exist_ok=True)
    settings = directory / "thumbor.conf"
    settings.write_text(_SETTINGS.format(files=str(files), png_level=png_level, avif_speed=avif_speed))
    port, command = any_free_port(), await installed()
    async with aiohttp.ClientSession() as session, Guard(directory) as guard:
        managed = ManagedProcess(_spec(command, directory, settings, port, processes, session), guard)
        await managed.start()
        try:
            yield Thumbor(port, managed)
        finally:
            await managed.stop()


def _spec(
    command: Path, directory: Path, settings: Path, port: int, processes: int, session: aiohttp.ClientSession
) -> ProcessSpec:
    async def healthy() -> None:
        try:
            async with session.get(f"http://{LOOPBACK}:{port}/healthcheck") as response:
                response.raise_for_status()
        except (aiohttp.ClientError, OSError) as error:
            raise NotReadyError(repr(error)) from error

    return ProcessSpec(
        name="thumbor",
        argv=(
            *(str(command), "--ip", LOOPBACK, "--port", str(port), "--conf", str(settings)),
            *("--processes", str(processes), "--log-level", "error"),
        ),
        env=child_environment({}, directory),
        cwd=directory,
        health=healthy,
        log=directory / "thumbor.log",
        restart=False,
    )
