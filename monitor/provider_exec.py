"""The provider `exec`: the operator's program – a script, Terraform behind one – run once for each question.

It gets the order as JSON on stdin, and what is no secret of it as variables; it says its answer as JSON on
stdout. An exit code other than 0 is a failure, told with the end of stderr. A program that takes too long is
ended with everything it started: told first, for Terraform gives its lock back when it is told and keeps it
for ever when it is killed; then killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process

import msgspec

from atoll.launches import MAX_ANSWER_BYTES, LaunchAnswer, LaunchOrder
from monitor.scale_policy import ProviderEntry
from monitor.scale_providers import ProviderFailed, read_answer

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOLD_CHARS = 400  # of stderr
GRACE_SECONDS = 5.0  # from told to killed; within ASKED_GRACE_SECONDS (scale_instances.py)
LOOK_SECONDS = 0.05


class ExecProvider:
    """A `Provider`. Its environment is `PATH`, the policy's `environment`, and ATOLL_*."""

    def __init__(self, entry: ProviderEntry, grace: float = GRACE_SECONDS) -> None:
        self._entry, self._grace = entry, grace

    async def ask(self, order: LaunchOrder) -> LaunchAnswer:
        process = await self._start(order)
        try:
            async with asyncio.timeout(self._entry.timeout_seconds):
                out, error = await _hear(process)
        except TimeoutError as late:
            raise ProviderFailed(f"it took longer than {self._entry.timeout_seconds:g} s") from late
        finally:
            await _surely(asyncio.create_task(_end(process, self._grace), name="a provider's end"))
        if process.returncode != 0:
            told = error.decode(errors="replace").strip()[-TOLD_CHARS:]
            raise ProviderFailed(f"it ended with {process.returncode}: {told or 'nothing on stderr'}")
        return read_answer(out)

    async def _start(self, order: LaunchOrder) -> Process:
        stdin = _filled_pipe(msgspec.json.encode(order))
        try:
            return await asyncio.create_subprocess_exec(
                *self._entry.argv,
                stdin=stdin,
                stdout=PIPE,
                stderr=PIPE,
                env={"PATH": PATH, **self._entry.environment, **_variables(order)},
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderFailed(f"{self._entry.argv[0]} cannot be run: {error.strerror}") from error
        finally:
            os.close(stdin)


def _variables(order: LaunchOrder) -> dict[str, str]:
    """The token is not among them: other users may read a process's environment."""
    facts = {"action": order.action, "name": order.name, "region": order.region, "set": order.set}
    return {f"ATOLL_{key.upper()}": value for key, value in facts.items()}


def _filled_pipe(body: bytes) -> int:
    """A descriptor to read `body` from. An order is shorter than any pipe's buffer, so writing cannot block,
    and a program that ends without having read it is no error."""
    out, into = os.pipe()
    os.write(into, body)
    os.close(into)
    return out


async def _hear(process: Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    out, error = await asyncio.gather(_head(process.stdout), _head(process.stderr))
    await process.wait()
    return out, error


async def _head(stream: asyncio.StreamReader) -> bytes:
    """All of it is read, so that the writer is not held up; no more is kept than an answer may have."""
    kept = bytearray()
    while piece := await stream.read(65_536):
        if len(kept) <= MAX_ANSWER_BYTES:
            kept += piece
    return bytes(kept[: MAX_ANSWER_BYTES + 1])


async def _surely(ending: asyncio.Task[None]) -> None:
    """Until it is done, however often whoever waits is cancelled: the end of a daemon cancels repeatedly."""
    while not ending.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ending)


async def _end(process: Process, grace: float) -> None:
    """Nothing of it outlives the question."""
    if process.returncode is None and _signalled(process, signal.SIGTERM):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await _gone(process)
    _signalled(process, signal.SIGKILL)
    await process.wait()


async def _gone(process: Process) -> None:
    """Until nothing of its group is left; the program itself may have ended before what it started."""
    while _signalled(process, 0):  # noqa: ASYNC110 - a group of processes tells nobody
        await asyncio.sleep(LOOK_SECONDS)


def _signalled(process: Process, number: int) -> bool:
    """Whether there was anybody to be told."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
