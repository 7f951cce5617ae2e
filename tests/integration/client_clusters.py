"""Clusters to try the client and the command on: the stand-in, and the real one that `atoll up` starts."""

from __future__ import annotations

import contextlib
import io
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from standin_cluster import StandinCluster

STARTED_WITHIN, ENDED_WITHIN = 120.0, 60.0  # seconds: deadlines, not expectations


@dataclass(frozen=True)
class ClusterUnderTest:
    """All that a client needs. `directory` has a cluster.json as `atoll up` writes it."""

    query_urls: list[str]
    api_key: str
    bucket: str
    directory: Path


def describe(cluster: StandinCluster, directory: Path) -> ClusterUnderTest:
    """The stand-in's cluster.json, and what it says."""
    key = directory / "admin.key"
    key.write_text(cluster.api_key)
    key.chmod(0o600)
    summary = {"query_services": cluster.query_urls, "admin_key_file": str(key), "pids": {}, "nodes": {}}
    (directory / "cluster.json").write_text(json.dumps(summary))
    return ClusterUnderTest(cluster.query_urls, cluster.api_key, cluster.bucket, directory)


@contextlib.contextmanager
def real_cluster(directory: Path) -> Iterator[ClusterUnderTest]:
    """`atoll up` in a process of its own; ended by one SIGINT, as by Ctrl-C."""
    argv = [sys.executable, "-m", "atoll.cli", "up", "--data", str(directory), "--json"]
    with (directory / "up.log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            summary = _wait_for(directory / "cluster.json", process)
            key = Path(summary["admin_key_file"]).read_text().strip()
            yield ClusterUnderTest(summary["query_services"], key, "images", directory)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(ENDED_WITHIN)


def _wait_for(file: Path, process: subprocess.Popen[bytes]) -> dict:
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it ended: {(file.parent / 'up.log').read_text()[-2000:]}"
        with contextlib.suppress(OSError):
            return json.loads(file.read_text())
        time.sleep(0.05)
    raise AssertionError("the cluster does not start")


def picture(seed: int | None = None, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """A picture that no other test has; the same for the same seed."""
    rng = random.Random(seed)
    image = Image.frombytes("RGB", size, rng.randbytes(size[0] * size[1] * 3))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
