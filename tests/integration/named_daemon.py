"""A real daemon on a machine whose names are a test's: `python named_daemon.py KIND NAMES --settings FILE`.

NAMES is a JSON file: by name a list of answers, each a list of addresses; the first look-up gets the first,
and the last one holds from then on, as with a name server that turns hostile. NAMES.asked tells of every
look-up, a line each. Only the system's resolver is another; the daemon is the real one.
"""

from __future__ import annotations

import json
import runpy
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Names:
    """The file, for both sides of it."""

    path: Path

    def say(self, answers: dict[str, list[list[str]]]) -> None:
        """What is answered from now on, counted anew."""
        self._asked.write_text("")
        self.path.write_text(json.dumps(answers))

    def asked(self, name: str) -> int:
        """How often."""
        return self._asked.read_text().split().count(name)

    def next(self, name: str) -> list[str] | None:
        """The answer to this look-up; None for names of others."""
        answers: list[list[str]] | None = json.loads(self.path.read_text()).get(name)
        if answers is None:
            return None
        number = self.asked(name)
        with self._asked.open("a") as file:
            file.write(name + "\n")
        return answers[min(number, len(answers) - 1)]

    @property
    def _asked(self) -> Path:
        return self.path.with_suffix(".asked")


def take_over(names: Names) -> None:
    """Answer for the system's resolver."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        addresses = names.next(host) if isinstance(host, str) else None
        if addresses is None:
            return real(host, port, *arguments, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    socket.getaddrinfo = getaddrinfo


if __name__ == "__main__":
    kind, path = sys.argv[1], Path(sys.argv[2])
    sys.argv = [kind, *sys.argv[3:]]
    sys.path[0] = str(Path(__file__).parents[2])
    take_over(Names(path))
    runpy.run_module(kind, run_name="__main__", alter_sys=True)
