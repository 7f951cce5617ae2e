"""A mounted disk that loses its power when a test says so. disk_process.py does the work."""

from __future__ import annotations

import ctypes.util
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

DEADLINE = 20.0  # seconds; a deadline, not an expectation


def what_is_missing() -> str | None:
    """Why there can be no FUSE here; None when there can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return (
            "/dev/fuse is missing or closed to us (a container needs --device /dev/fuse --cap-add SYS_ADMIN)"
        )
    if ctypes.util.find_library("fuse3") is None:
        return "libfuse3 is missing (apt-get install fuse3)"
    if shutil.which("fusermount3") is None:
        return "fusermount3 is missing (apt-get install fuse3)"
    return None


class LossyDisk:
    """Mounted at `<directory>/mount` inside its context, and unmounted after it, whatever happened."""

    program = Path(__file__).with_name("disk_process.py")

    def __init__(self, directory: Path) -> None:
        self.mount = directory / "mount"
        self._image, self._log = directory / "image", directory / "disk.log"
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._cut: str | None = None  # when it came, if it came while something else was asked
        self.mount.mkdir(parents=True)

    def __enter__(self) -> LossyDisk:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _start(self) -> None:
        environment = {**os.environ, "FUSE_LIBRARY_NAME": "fuse3"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(self.program), str(self.mount), str(self._image)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        threading.Thread(target=self._listen, args=(self._process,), name="disk", daemon=True).start()
        deadline = time.monotonic() + DEADLINE
        while not os.path.ismount(self.mount):
            assert self._process.poll() is None, f"the disk is not mounted: {self._log.read_text()}"
            assert time.monotonic() < deadline, "the disk is not mounted"
            time.sleep(0.01)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._said.put(line.strip())

    def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(DEADLINE)
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(self.mount)], stderr=subprocess.DEVNULL)

    def _order(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def arm(self, changes: int, process: int, chance: int = 0, where: str = "/") -> None:
        """Cut after so many more changes, and kill `process` (its id) at the same instant.

        Counted are changes with `where` in their description, such as "syncing /data/trash".
        `chance` is the seed of what was written back without having been ordered; 0: nothing was.
        """
        self._order(f"arm {process} {changes} {chance} {where}")
        self._hear("armed")

    def arm_crash(self, changes: int, process: int, where: str = "/") -> None:
        """The same without a cut: only the process dies."""
        self._order(f"arm-crash {process} {changes} 0 {where}")
        self._hear("armed")

    def crash(self, process: int) -> str:
        """Kill it now, unless an armed crash has come; when it came. The disk stays as it is."""
        self._order(f"crash {process}")
        return self._hear("crash")

    def _hear(self, wanted: str) -> str:
        """What it answers; the cut that was armed may come first, and is told when it is asked for."""
        while not (said := self._said.get(timeout=DEADLINE)).startswith(wanted):
            assert said.startswith("cut"), said
            self._cut = said
        return said

    def cut(self, process: int, chance: int = 0) -> str:
        """Cut now, unless the cut has come already; when it came."""
        self._order(f"cut {process} {chance}")
        said, self._cut = self._cut or self._hear("cut"), None
        return said

    def mount_again(self) -> None:
        """What the next start finds. No process may use the disk any more."""
        self._end()
        self._start()
