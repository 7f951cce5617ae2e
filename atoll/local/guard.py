"""The supervisor's handle on its guard process: what is added here ends when the supervisor does.

Owns the directory's lock, the guard process (`reaper`) and the only write end of its pipe. One guard serves
all processes of a supervisor. If the guard process dies it is started again with the whole list; on Linux
the children are tied to the supervisor by the kernel as well (`launcher`), so that instant is covered too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path
from types import TracebackType

from atoll.backoff import Backoff
from atoll.local import reaper
from atoll.local.directory_lock import lock_directory
from atoll.local.engine_errors import EngineError
from atoll.local.process_log import open_log
from atoll.local.tasks import end_task

log = logging.getLogger(__name__)

_READY_WITHIN = 10.0  # seconds

_REAPER = str(Path(reaper.__file__).resolve())
GRACE = 5.0  # seconds between SIGTERM and SIGKILL for what a dead supervisor left


class Guard:
    """An async context: inside it, every added process group is doomed to end with us."""

    def __init__(self, directory: Path, grace: float = GRACE) -> None:
        self._directory, self._grace = directory, grace
        self._log = directory / "logs" / "guard.log"
        self._groups: set[int] = set()
        self._lock_fd = -1
        self._pipe = -1
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The guard process, for those who list processes."""
        return self._process.pid if self._process else None

    def add(self, pgid: int) -> None:
        """From now on this process group does not outlive the supervisor."""
        self._groups.add(pgid)
        self._tell(f"add {pgid}\n")

    def remove(self, pgid: int) -> None:
        """This process group has ended; its id may be used by others."""
        self._groups.discard(pgid)
        self._tell(f"remove {pgid}\n")

    def _tell(self, text: str) -> None:
        try:
            os.write(self._pipe, text.encode())
        except BrokenPipeError:
            pass  # it died: `_keep` starts another and tells it everything
        except BlockingIOError:  # it does not read, and would not read the end of file either
            if self._process:
                self._process.kill()

    async def __aenter__(self) -> Guard:
        # A dead supervisor's guard needs at most two graces: one after SIGTERM, one after SIGKILL.
        self._lock_fd = await lock_directory(self._directory, wait=2 * self._grace + 5.0)
        try:
            self._process = await self._spawn()
        except BaseException:  # cancelled too: a lock without a guard helps nobody
            os.close(self._lock_fd)
            raise
        self._keeper = asyncio.create_task(self._keep(self._process), name="keep:guard")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper:
            await end_task(self._keeper)
        os.close(self._pipe)  # the end of file: whatever is still on the list ends now
        if self._process:
            await self._last_words(self._process)
        os.close(self._lock_fd)

    async def _last_words(self, process: asyncio.subprocess.Process) -> None:
        try:
            await asyncio.wait_for(process.wait(), 2 * self._grace + 5.0)
        except TimeoutError:
            log.warning("the guard process does not end; killing it")
            process.kill()
            await process.wait()

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        backoff = Backoff(0.05, 5.0)
        while True:
            code = await process.wait()
            log.error("the guard process ended (exit %s); starting another", code)
            await asyncio.sleep(backoff.next())
            try:
                self._process = process = await self._spawn()
            except (EngineError, OSError) as error:
                log.error("%s", error)
                continue
            for pgid in self._groups:
                self._tell(f"add {pgid}\n")

    async def _spawn(self) -> asyncio.subprocess.Process:
        """A guard process that is ready, and the only write end of its pipe in `_pipe`."""
        reads, writes = os.pipe()  # both close-on-exec: no other child holds the pipe open
        os.set_blocking(writes, False)
        try:
            process = await self._ready_process(reads)
        except BaseException:  # cancelled too: a half-started one ends with its pipe
            os.close(writes)
            raise
        finally:
            os.close(reads)
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = writes
        return process

    async def _ready_process(self, stdin: int) -> asyncio.subprocess.Process:
        log_fd = open_log(self._log)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", _REAPER, str(self._grace)),
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_fd,
                env={},
                cwd="/",
                pass_fds=(self._lock_fd,),
                start_new_session=True,
            )
        finally:
            os.close(log_fd)
        await self._hear(process)
        return process

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Return once it cannot be interrupted any more; EngineError if that never comes."""
        assert process.stdout
        try:
            word = await asyncio.wait_for(process.stdout.readline(), _READY_WITHIN)
        except TimeoutError:
            word = b""
        if word != b"ready\n":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise EngineError(f"the guard process cannot be started; see {self._log}")
