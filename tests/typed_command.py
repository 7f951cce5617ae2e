"""`atoll` for what is typed in a shell: a small program on PATH that has the test's process fork the command.

A page types it some thirty times, and each start from nothing is half a second of imports. What runs is the
command's own `main`, in a process of its own with the shell's directory, environment, output and exit code.
Where there is no template to fork from, the shell finds the installed command instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from daemon_template import COMMAND
from forking import Start, fork

_MOST = 1 << 18  # bytes of a message
_PROGRAM = """#!{python} -SEs
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect({path!r})
order = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(line, [order], [1, 2])
sys.exit(int(line.recv(20)))
"""


@contextlib.contextmanager
def typed_command(folder: Path) -> Iterator[str]:
    """What to put before PATH; "" where there is no template."""
    if sys.platform != "linux":
        yield ""
        return
    path = folder / "socket"
    program = folder / "atoll"
    program.write_text(_PROGRAM.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen()
        serving = threading.Thread(target=_serve, args=(listening,))
        serving.start()
        try:
            yield f"{folder}:"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            serving.join(60)


def _serve(listening: socket.socket) -> None:
    """One after the other: a shell types no two at once here. Ends with the socket."""
    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        with line:
            order, (out, err), _, _ = socket.recv_fds(line, _MOST, 2)
            words, environ, directory = json.loads(order)
            try:
                running = fork(Start(COMMAND, ["atoll", *words], False, environ, directory, False), out, err)
            finally:
                os.close(out)
                os.close(err)
            line.send(b"%d" % running.wait(120))
