"""A job module for the pool's tests: a worker that does, in the sandbox, what its request says."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from storage_node.worker_sandbox import live


def answer(request: bytes) -> bytes:
    verb, _, argument = request.decode().partition(" ")
    return VERBS[verb](argument)


def echo(text: str) -> bytes:
    return text.encode()


def sleep(marker: str) -> bytes:
    """Sleeps the first time; a marker file says when it began."""
    path = Path(marker)
    if path.exists():
        return b"second time"
    path.touch()
    time.sleep(60)
    return b"slept"


def hold(marker: str) -> bytes:
    """Works until the marker file is gone."""
    deadline = time.monotonic() + 30
    while Path(marker).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return b"held"


def spin(_: str) -> bytes:
    while True:
        pass


def burn(seconds: str) -> bytes:
    """Takes that much processor time."""
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass
    return b"burnt"


def crash(_: str) -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def leave(_: str) -> bytes:
    os._exit(0)


def allocate(size: str) -> bytes:
    try:
        return str(len(bytearray(int(size)))).encode()
    except MemoryError:
        return b"no memory"


def write(path: str) -> bytes:
    try:
        Path(path).write_bytes(b"x" * 10_000)
    except OSError as error:
        return os.strerror(error.errno).encode()
    return b"written"


def chatter(_: str) -> bytes:
    """Prints, as a C library would, on every standard descriptor."""
    for descriptor in (1, 2):
        os.write(descriptor, b"junk" * 1000)
    return b"still here"


def boast(_: str) -> bytes:
    return b"x" * (2 << 20)


def environment(_: str) -> bytes:
    return " ".join(sorted(os.environ)).encode()


def pid(_: str) -> bytes:
    return str(os.getpid()).encode()


VERBS = {
    f.__name__: f
    for f in (echo, sleep, hold, spin, burn, crash, leave, allocate, write, chatter, boast, environment, pid)
}

if __name__ == "__main__":
    live(sys.argv[1:], answer)
