"""Which port each process of a local cluster listens on, the same ones at every start.

A remembered port first (issued URLs name it), else the wanted one, else one at random from below the
kernel's own range: ports the kernel hands out (32768 up on Linux, 49152 up on macOS) are also the source
ports of everybody's outgoing connections, and one of those can sit on ours while an engine restarts.

The race: a port that is free now may be taken before the engine binds it. The engine then ends at its start
and its error says so; starting again chooses anew. Nothing can hold the port for it in between. Clusters that
want the same ports would meet there every time, and each would take the other's daemons for its own: so they
take turns (`choosing_alone`).
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from atoll.local.engine_errors import EngineError

LOOPBACK = "127.0.0.1"
_RANDOM_RANGE = (20_000, 32_767)
_RANDOM_TRIES = 200
_TURN_SECONDS, _LOOK_SECONDS = 60.0, 0.05


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the engines do: the last run's closed connections (TIME_WAIT) are no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """For a server that lives for seconds and that nobody must find."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones at random. Raises EngineError when there are not as many."""
    rng = random.SystemRandom()
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.append(_first_free(_candidates(None, rng), set(chosen), port_is_free))
    return chosen


@asynccontextmanager
async def choosing_alone(wait_seconds: float = _TURN_SECONDS) -> AsyncIterator[None]:
    """No other cluster of this user on this machine chooses ports meanwhile; hold it until all listen.

    Who has waited `wait_seconds` goes on all the same: a start that hangs must not keep others from starting.
    """
    file = Path(tempfile.gettempdir()) / f"atoll-ports-{os.getuid()}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = asyncio.get_running_loop().time() + wait_seconds
        while not _locked(descriptor) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - a process
            await asyncio.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def choose_ports(
    file: Path,
    wanted: Mapping[str, int | None],
    *,
    rng: random.Random,
    is_free: Callable[[int], bool] = port_is_free,
) -> dict[str, int]:
    """A port for every name of `wanted` (None: any), no two alike, remembered in `file`.

    Ports that `file` remembers for other names are left to them. Raises EngineError when none is free.
    """
    remembered = _read(file)
    taken = {port for name, port in remembered.items() if name not in wanted}
    chosen = {n: p for n in wanted if (p := remembered.get(n)) is not None and is_free(p)}
    taken |= set(chosen.values())
    for name in wanted.keys() - chosen.keys():
        chosen[name] = _first_free(_candidates(wanted[name], rng), taken, is_free)
        taken.add(chosen[name])
    _write(file, remembered | chosen)
    return {name: chosen[name] for name in wanted}


def _candidates(wanted: int | None, rng: random.Random) -> Iterator[int]:
    if wanted is not None:
        yield wanted
    for _ in range(_RANDOM_TRIES):
        yield rng.randint(*_RANDOM_RANGE)


def _first_free(candidates: Iterator[int], taken: set[int], is_free: Callable[[int], bool]) -> int:
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    raise EngineError(f"no free port on {LOOPBACK} after {_RANDOM_TRIES} tries between {_RANDOM_RANGE}")


def _read(file: Path) -> dict[str, int]:
    """What was chosen before. A damaged file is as good as none: ports are a convenience, not data."""
    try:
        known = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    ports: dict[str, int] = {}
    for name, port in known.items():
        if type(port) is int and 1024 <= port <= 65_535 and port not in ports.values():
            ports[name] = port
    return ports


def _write(file: Path, ports: Mapping[str, int]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.write_text(json.dumps(ports, indent=2, sort_keys=True) + "\n")
    os.replace(draft, file)
