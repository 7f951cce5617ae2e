"""Processes that start without imports: the tests' side of daemon_template.py. Others say what is started."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass

import daemon_template

_NO_MORE = -signal.SIGKILL  # the exit code of one whose template has gone: it went with it


@dataclass(frozen=True)
class Start:
    """What the template has to know. `kind`: a daemon or the command. `session`: it leads one of its own."""

    kind: str
    argv: list[str]
    rigged: bool
    environ: dict[str, str]
    cwd: str
    session: bool


class Forked:
    """A process, with what we use of subprocess.Popen."""

    def __init__(self, told: int) -> None:
        self._told = told
        self._said = b""
        self.returncode: int | None = None
        word, _, number = self._line().partition(b" ")
        assert word == b"began", "the template, or the daemon before it was one, has ended"
        self.pid = int(number)

    def _line(self) -> bytes:
        """The next line; empty once the template is gone."""
        while b"\n" not in self._said and (more := os.read(self._told, 64)):
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line

    def fileno(self) -> int:
        """Readable once it has ended."""
        return self._told

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        return self._end(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises subprocess.TimeoutExpired after `timeout` seconds."""
        if (code := self._end(timeout)) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def _end(self, timeout: float | None) -> int | None:
        if self.returncode is None and (self._said or select.select([self._told], [], [], timeout)[0]):
            self.returncode = int(self._line().removeprefix(b"ended ") or _NO_MORE)
            os.close(self._told)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Template:
    """The other process. It ends with `close`, or with this process, and whatever it forked ends with it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, daemon_template.__file__, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
            )

    def fork(self, start: Start, out: int, err: int) -> Forked:
        """Returns once it exists: it has imported everything then, and done nothing yet. Two descriptors."""
        said, told = os.pipe()
        try:
            socket.send_fds(self._orders, [json.dumps(vars(start)).encode()], [out, err, told])
        finally:
            os.close(told)
        return Forked(said)

    def close(self) -> None:
        self._orders.close()
        self._process.wait()


_starting = threading.Lock()


@functools.cache
def _the_template() -> Template:
    """One for all tests of this process, from the first start that needs it."""
    template = Template()
    atexit.register(template.close)
    return template


def fork(start: Start, out: int, err: int) -> Forked:
    """See `Template.fork`."""
    with _starting:
        template = _the_template()
    return template.fork(start, out, err)
