"""Which port each process of a local cluster listens on, the same ones at every start.

A remembered port first (issued URLs name it), else the wanted one, else one at random from below the
kernel's own range: ports the kernel hands out (32768 up on Linux, 49152 up on macOS) are also the source
ports of everybody's outgoing connections, and one of those can sit on ours while an engine restarts.

The race: a port that is free now may be taken before the engine binds it. Clusters and other programs of
ours claim what they choose (`port_claims`): those that want the same ports, and start at once, would meet
there every time, and each would take the other's daemons for its own. Against a stranger nothing can hold the
port in between: the engine then ends at its start and its error says so; starting again chooses anew.
"""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from atoll.local.engine_errors import EngineError
from atoll.local.port_claims import PortClaims

LOOPBACK = "127.0.0.1"
_RANDOM_RANGE = (20_000, 32_767)
_RANDOM_TRIES = 200


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
    """So many different ones at random, claimed until this process ends. Raises EngineError."""
    claims, rng = PortClaims(), random.SystemRandom()
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.append(_first_free(_candidates(None, rng), set(chosen), _claiming(claims, port_is_free)))
    return chosen


def choose_ports(
    file: Path,
    wanted: Mapping[str, int | None],
    claims: PortClaims,
    *,
    rng: random.Random,
    is_free: Callable[[int], bool] = port_is_free,
) -> dict[str, int]:
    """A port for every name of `wanted` (None: any), no two alike, remembered in `file` and claimed.

    Ports that `file` remembers for other names are left to them. Raises EngineError when none is free.
    """
    remembered, is_free = _read(file), _claiming(claims, is_free)
    taken = {port for name, port in remembered.items() if name not in wanted}
    chosen = {n: p for n in wanted if (p := remembered.get(n)) is not None and is_free(p)}
    taken |= set(chosen.values())
    for name in wanted.keys() - chosen.keys():
        chosen[name] = _first_free(_candidates(wanted[name], rng), taken, is_free)
        taken.add(chosen[name])
    _write(file, remembered | chosen)
    return {name: chosen[name] for name in wanted}


def _claiming(claims: PortClaims, is_free: Callable[[int], bool]) -> Callable[[int], bool]:
    """Claimed first: who had it may have begun to listen by then."""
    return lambda port: claims.claim(port) and is_free(port)


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
