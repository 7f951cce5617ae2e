"""Daemons that the stories fork from a template are those that start from nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from daemon_template import KINDS
from forked_daemons import command, daemon_process, start_of
from forking import Forked, Template

from atoll.local.ports import any_free_port

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    running = Template()
    yield running
    running.close()


def argv(kind: str, settings: Path) -> list[str]:
    return [sys.executable, "-m", kind, "--settings", str(settings)]


def fork(template: Template, kind: str, settings: Path, *, session: bool = False) -> Forked:
    start = start_of(argv(kind, settings), os.environ, settings.parent, session=session)
    assert start
    with settings.with_suffix(".log").open("ab") as log:
        return template.fork(start, log.fileno(), log.fileno())


@pytest.fixture
def lonely(tmp_path: Path) -> Path:
    """Settings of a monitor that finds no NATS, and goes on."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("s" * 64)
    settings = {
        "name": "monitor",
        "region": "eu",
        "listen_port": any_free_port(),
        "nats_url": "nats://127.0.0.1:9",
        "cluster_secret_file": str(secret),
        "state_dir": str(tmp_path / "state"),
        "api_keys_file": str(tmp_path / "keys.toml"),
    }
    file = tmp_path / "monitor.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_one_started_from_nothing_says_and_ends_as_that_does(
    template: Template, tmp_path: Path, kind: str
) -> None:
    settings = tmp_path / "empty.toml"
    settings.write_text("surprise = 1\n")
    forked = fork(template, kind, settings)
    started = subprocess.run(
        argv(kind, settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert forked.wait(20) == started.returncode != 0
    assert settings.with_suffix(".log").read_bytes() == started.stdout != b""


def test_it_leads_a_session_where_it_shall_and_tells_how_it_ended(template: Template, lonely: Path) -> None:
    daemon = fork(template, "monitor", lonely, session=True)
    assert os.getsid(daemon.pid) == daemon.pid
    assert daemon.poll() is None
    os.killpg(daemon.pid, signal.SIGKILL)
    assert daemon.wait(20) == daemon.returncode == -signal.SIGKILL


def test_it_ends_with_its_template(lonely: Path) -> None:
    template = Template()
    daemon = fork(template, "monitor", lonely)
    assert psutil.pid_exists(daemon.pid)
    template.close()
    assert daemon.wait(20) == -signal.SIGKILL
    assert not psutil.pid_exists(daemon.pid)


def test_what_is_not_a_daemon_as_it_is_starts_as_ever(tmp_path: Path) -> None:
    other = {**os.environ, "PYTHONPATH": str(tmp_path)}
    settings = tmp_path / "monitor.toml"
    assert start_of(argv("monitor", settings), other, tmp_path, session=True) is None
    assert start_of(["/bin/true"], os.environ, tmp_path, session=True) is None
    with (tmp_path / "log").open("wb") as log:
        assert daemon_process([sys.executable, "-c", "raise SystemExit(3)"], log).wait(20) == 3


@pytest.mark.parametrize("words", [("--version",), ("ls", "--surprise"), ("config", "nothing")])
def test_the_command_says_what_it_says_when_it_starts_from_nothing(words: tuple[str, ...]) -> None:
    argv = [sys.executable, "-m", "atoll.cli", *words]
    started = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert command(*words) == (started.returncode, started.stdout, started.stderr)
