"""A process that has imported what all daemons need and becomes any of them by fork: a start without imports.

    python daemon_template.py SOCKET_FD

A daemon's start is half a second of imports, and the stories start hundreds. What is forked here is the real
daemon: its own `main`, in a process of its own with its own settings, environment, log and session; only that
its modules were read before. Nothing else happens before the fork: no loop, no thread, no file of a daemon's.
That daemons start from nothing is shown by `atoll up`, the command and the tests of processes: they have no
part in this.

The command `atoll` is forked in the same way. The socket is SOCK_SEQPACKET; each message is one start, as
`forking` sends it, with three descriptors: standard output and error, and a pipe that is told the process id
and, once the process has ended, its exit code, a line each. When the other side is gone, all are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = ("storage_node", "replicator", "query_service", "monitor")
COMMAND = "atoll.cli"
_MOST = 1 << 18  # bytes of a message
_PR_SET_PDEATHSIG = 1

Daemon = Callable[[], int]


def import_all() -> None:
    """Everything that a daemon imports at its start, and the command for its verbs."""
    sys.path.insert(0, str(Path(__file__).with_name("probe")))
    gc.disable()
    for kind in KINDS:
        importlib.import_module(f"{kind}.__main__")
        importlib.import_module(f"{kind}.app")
    importlib.import_module(f"{COMMAND}.__main__")
    command = importlib.import_module(f"{COMMAND}.command")
    for name in (
        "atoll.daemon_main",
        "rigged_daemon",
        *(module for module, _ in command.USER_VERBS.values()),
    ):
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    assert os.listdir("/proc/self/task") == [str(os.getpid())], "a thread does not come along with a fork"


class Template:
    """Forks until the other side is gone."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._children: dict[int, int] = {}  # by process id: the pipe that is told of its end
        self._woken, self._wake = os.pipe()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._pid = os.getpid()

    def serve(self) -> Daemon | None:
        """In a child: what it has to be. In the template itself: None, at the end."""
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._orders, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == self._woken:
                        self._reap()
                        continue
                    message, descriptors, _, _ = socket.recv_fds(self._orders, _MOST, 3)
                    if not message:
                        return self._end()
                    if (daemon := self._fork(json.loads(message), *descriptors)) is not None:
                        return daemon

    def _fork(self, start: dict[str, Any], out: int, err: int, told: int) -> Daemon | None:
        pid = os.fork()
        if pid == 0:
            return self._become(start, out, err, told)
        self._children[pid] = told
        os.close(out)
        os.close(err)
        return None

    def _become(self, start: dict[str, Any], out: int, err: int, told: int) -> Daemon:
        self._die_with_template()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if start["session"]:
            os.setsid()
        os.write(told, b"began %d\n" % os.getpid())
        null = os.open(os.devnull, os.O_RDONLY)
        for source, standard in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, standard)
        for descriptor in (null, out, err, told, self._woken, self._wake, *self._children.values()):
            os.close(descriptor)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - the template's knew its own as a file that seeks
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(start["cwd"])
        os.environ.clear()
        os.environ.update(start["environ"])
        time.tzset()
        sys.argv = start["argv"]
        return lambda: _run(start["kind"], rigged=start["rigged"])

    def _die_with_template(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != self._pid:  # it died before the kernel knew
            os._exit(1)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                told = self._children.pop(pid)
                with contextlib.suppress(BrokenPipeError):  # nobody asks any more
                    os.write(told, b"ended %d\n" % os.waitstatus_to_exitcode(status))
                os.close(told)

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for pid in self._children:
            os.waitpid(pid, 0)


def _run(kind: str, *, rigged: bool) -> int:
    name = "rigged_daemon" if rigged else f"{kind}.__main__"
    main = importlib.import_module(name).main
    code: int = main(kind) if rigged else main()
    return code


def main(descriptor: int) -> int:
    import_all()
    with socket.socket(fileno=descriptor) as orders:
        daemon = Template(orders).serve()
    return 0 if daemon is None else daemon()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
