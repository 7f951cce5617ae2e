"""A NATS server of one test's own, to stop, to kill and to wipe; nothing but NATS, so it starts in 20 ms.

The configuration is that of the embedded one (JetStream on disk, synced always), without a password unless
the test wants one.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from atoll.local import binaries
from atoll.local.ports import LOOPBACK, any_free_port

DEADLINE = 20.0  # seconds


class OwnNats:
    """A real server on one port and one store, from start to stop as often as the test likes."""

    def __init__(self, directory: Path, *, user: str | None = None, password: str | None = None) -> None:
        self.port = any_free_port()
        self.url = f"nats://{LOOPBACK}:{self.port}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        config = {
            "listen": f"{LOOPBACK}:{self.port}",
            "server_name": f"test-{self.port}",
            "jetstream": {"store_dir": str(directory / "store"), "sync_interval": "always"},
        }
        if user:
            config["authorization"] = {"user": user, "password": password}
        (directory / "nats.conf").write_text(json.dumps(config))

    def start(self) -> None:
        """Return when it takes connections."""
        with (self._directory / "nats.log").open("ab") as log:
            argv = [binaries.nats_server(), "--config", str(self._directory / "nats.conf")]
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._process.poll() is None, (self._directory / "nats.log").read_text()
            assert time.monotonic() < deadline, "NATS does not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), 1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False

    def stop(self) -> None:
        """An orderly end; the store stays."""
        self._end("terminate")

    def kill(self) -> None:
        """SIGKILL; the store stays."""
        self._end("kill")

    def hang(self) -> None:
        """SIGSTOP: every connection stands, and nothing comes."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of `hang`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            getattr(process, how)()
            process.wait(DEADLINE)

    def wipe(self) -> None:
        """Forget all streams, while it is stopped."""
        assert self._process is None
        shutil.rmtree(self._directory / "store", ignore_errors=True)
