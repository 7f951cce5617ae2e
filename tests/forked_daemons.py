"""Daemons and the command, forked from a template where that can be done.

`daemon_process` is for whoever would call subprocess.Popen; `spawn_daemon` stands for `spawn` of atoll.local
(conftest sees to it). Only a daemon as it is, or a rigged one, is forked; whatever has another program,
another source of modules or a wrong clock starts as ever, and so does everything where there is no Linux.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daemon_template import COMMAND, KINDS
from forking import Forked, Start, fork

from atoll.local.guard import Guard
from atoll.local.process_log import open_log
from atoll.local.process_spec import ProcessSpec
from atoll.local.spawn import spawn

_RIGGED = str(Path(__file__).with_name("probe") / "rigged_daemon.py")


def start_of(argv: Sequence[str], environ: Mapping[str, str], cwd: Path, *, session: bool) -> Start | None:
    """None: the template cannot do it. `argv` as for exec."""
    program, *words = argv
    match words:
        case ["-m", kind, "--settings", settings] if kind in KINDS:
            own, rigged = [kind, "--settings", settings], False
        case [launcher, kind, "--settings", settings] if launcher == _RIGGED:
            own, rigged = [launcher, "--settings", settings], True
            if Path(settings).with_suffix(".clock").exists():
                return None  # whose clock is wrong has to be so before anything is imported
        case _:
            return None
    ours = os.environ.get("PYTHONPATH")
    if sys.platform != "linux" or program != sys.executable or environ.get("PYTHONPATH", ours) != ours:
        return None
    return Start(kind, own, rigged, dict(environ), str(cwd), session)


class ForkedProcess:
    """The same, with what `ManagedProcess` uses of asyncio's processes; belongs to the running loop."""

    def __init__(self, daemon: Forked) -> None:
        self._daemon = daemon
        self.pid = daemon.pid
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(daemon.fileno(), self._end, loop, daemon.fileno())

    def _end(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        loop.remove_reader(descriptor)
        self._ended.set_result(self._daemon.wait())

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


def daemon_process(argv: Sequence[str], log: Any) -> Forked | subprocess.Popen[bytes]:
    """A daemon with our environment; `log` is a file that takes what it says."""
    start = start_of(argv, os.environ, Path.cwd(), session=False)
    if start is None:
        return subprocess.Popen(argv, stdout=log, stderr=log)
    return fork(start, log.fileno(), log.fileno())


async def spawn_daemon(spec: ProcessSpec, guard: Guard) -> Any:
    """As `spawn`, but forked where that can be done."""
    start = start_of(spec.argv, spec.env, spec.cwd, session=True)
    if start is None or spec.niceness or spec.batch_work:
        return await spawn(spec, guard)
    log = open_log(spec.log)
    try:
        daemon = await asyncio.to_thread(fork, start, log, log)
    finally:
        os.close(log)
    guard.add(daemon.pid)
    return ForkedProcess(daemon)


def command(*words: str, seconds: float = 120.0) -> tuple[int, str, str]:
    """`atoll WORDS`: its exit code, what it says and what it says of errors. Ends it after `seconds`."""
    if sys.platform != "linux":
        argv = [sys.executable, "-m", COMMAND, *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
        return done.returncode, done.stdout, done.stderr
    start = Start(COMMAND, ["atoll", *words], False, dict(os.environ), str(Path.cwd()), False)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        running = fork(start, out.fileno(), err.fileno())
        try:
            code = running.wait(seconds)
        finally:
            running.kill()
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()
