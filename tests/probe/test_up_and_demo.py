"""Stories of the two commands a new user types: they show what they say, and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.probe, pytest.mark.timeout(240)]

_UP_SECONDS, _DOWN_SECONDS = 60.0, 30.0
_Running = tuple[subprocess.Popen[str], dict[str, Any]]  # and what its cluster.json says


def _atoll(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "atoll.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextlib.contextmanager
def _up(data: Path) -> Iterator[_Running]:
    """`atoll up`, running; killed at the end if the story has not ended it."""
    process = _atoll("up", "--data", str(data), "--json")
    try:
        yield process, _summary(process, data)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _summary(process: subprocess.Popen[str], data: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _UP_SECONDS
    while not (data / "cluster.json").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "atoll up takes too long"
        time.sleep(0.05)
    found: dict[str, Any] = json.loads((data / "cluster.json").read_text())
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _all_gone(summary: dict[str, Any]) -> None:
    deadline = time.monotonic() + _DOWN_SECONDS
    while left := [name for name, pid in summary["pids"].items() if _alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


def _get(url: str, key: str | None = None) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=10) as response:
        body: bytes = response.read()
    return body


def test_one_ctrl_c_stops_the_cluster_cleanly_and_its_data_comes_back(tmp_path: Path) -> None:
    picture = Path(__file__).parents[2] / "atoll" / "local" / "pictures" / "chelsea.jpg"
    with _up(tmp_path) as (process, summary):
        uploaded = subprocess.run(
            [
                sys.executable,
                "-m",
                "atoll.cli",
                "upload",
                str(picture),
                "--cluster",
                str(tmp_path),
                "--wait",
                "regions:3",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert uploaded.returncode == 0, uploaded.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(_DOWN_SECONDS) == 0
        _all_gone(summary)
        assert not (tmp_path / "cluster.json").exists()
    assert _working_on(tmp_path) == []
    with _up(tmp_path) as (process, again):
        assert again["endpoints"] == summary["endpoints"], "issued URLs must stay true"
        key = Path(again["admin_key_file"]).read_text().strip()
        listed = json.loads(_get(f"{again['query_services'][0]}/v1/assets?bucket=images", key))
        (asset,) = listed["assets"]
        for node in again["nodes"].values():
            assert _get(node["url"] + asset["path"]) == picture.read_bytes()
        process.send_signal(signal.SIGTERM)
        assert process.wait(_DOWN_SECONDS) == 0
        _all_gone(again)


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, _Running]]:
    """A cluster that nobody needs any more after the next two stories, and its data."""
    data = tmp_path_factory.mktemp("doomed")
    with _up(data) as running:
        yield data, running


def test_the_secrets_are_readable_by_their_owner_only(doomed: tuple[Path, _Running]) -> None:
    data, _ = doomed
    private = [*(data / "secrets").iterdir(), *(data / "config").iterdir()]
    assert private
    assert {path.stat().st_mode & 0o077 for path in private} == {0}


def test_a_browser_is_told_where_to_begin(doomed: tuple[Path, _Running]) -> None:
    _, (_, summary) = doomed
    assert b"<html" in _get(summary["web_app"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which processes live")
def test_a_killed_supervisor_leaves_no_process_behind(doomed: tuple[Path, _Running]) -> None:
    _, (process, summary) = doomed
    assert len(summary["pids"]) == 12
    assert all(_alive(pid) for pid in summary["pids"].values())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _all_gone(summary)


def test_the_demo_shows_everything_and_ends_with_exit(tmp_path: Path) -> None:
    demo = _atoll("demo", "--data", str(tmp_path), "--exit")
    out, err = demo.communicate(timeout=120)
    assert demo.returncode == 0, out + err
    for promise in (
        "straight to the nearest node",
        "the same",
        "made to size by its URL",
        "killed",
        "is started again",
        "Where everything listens",
    ):
        assert promise in out
    assert "DIFFERENT" not in out


def test_a_demo_on_the_data_of_another_copies_its_pictures_all_the_same(tmp_path: Path) -> None:
    for _ in range(2):
        demo = _atoll("demo", "--data", str(tmp_path), "--exit", "--json")
        out, err = demo.communicate(timeout=120)
        assert demo.returncode == 0, out + err
        figures = json.loads(out)["figures"]
        assert all(value > 0 for value in figures.values()), "what was there before has not arrived"
    blobs = [
        set((tmp_path / "nodes").glob(f"{node}/blobs/**/*.jpg")) for node in ("eu-central-1", "us-east-1")
    ]
    assert [len(files) for files in blobs] == [16, 16], "eight pictures a run, none the same"


@pytest.mark.parametrize("verb", ["up", "demo"])
def test_ctrl_c_while_it_starts_ends_it_at_once_and_leaves_nothing(tmp_path: Path, verb: str) -> None:
    process = _atoll(verb, "--data", str(tmp_path))
    deadline = time.monotonic() + _UP_SECONDS
    while not (tmp_path / "logs" / "nats.log").exists():  # engines are on their way
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=_DOWN_SECONDS)
    assert process.returncode == 130, out + err
    assert "listens" not in out, "it went on instead of ending"
    assert "Traceback" not in err
    assert not (tmp_path / "cluster.json").exists()
    assert _working_on(tmp_path) == []


def _working_on(directory: Path) -> list[str]:
    """The processes that name the directory in their command line, where /proc tells."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(directory) in (line := file.read_bytes()):
                found.append(line.decode(errors="replace"))
    return found
