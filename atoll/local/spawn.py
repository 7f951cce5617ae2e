"""Starting a child that cannot be orphaned. Called by `process`; the other half is `launcher`."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from pathlib import Path

from atoll.local import launcher
from atoll.local.engine_errors import EngineError
from atoll.local.guard import Guard
from atoll.local.process_log import open_log
from atoll.local.process_spec import ProcessSpec

_LAUNCHER = str(Path(launcher.__file__).resolve())


async def spawn(spec: ProcessSpec, guard: Guard) -> Process:
    """Start the process in a session of its own, known to the guard before it runs its first instruction.

    Must be called from a thread that outlives the process (see `launcher`). Raises EngineError.
    """
    gate_out, gate_in = os.pipe()
    log_fd = open_log(spec.log)
    try:
        process = await _launch(spec, gate_out, log_fd)
        guard.add(process.pid)
        os.write(gate_in, b"g")
    except OSError as error:
        raise EngineError(f"{spec.name} cannot be started: {error}") from error
    finally:
        for fd in (gate_out, gate_in, log_fd):
            os.close(fd)
    return process


async def _launch(spec: ProcessSpec, stdin: int, log_fd: int) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), str(spec.niceness)),
        *("batch" if spec.batch_work else "usual", *spec.argv),
        stdin=stdin,
        stdout=log_fd,
        stderr=log_fd,
        env=spec.env,
        cwd=spec.cwd,
        start_new_session=True,
    )
