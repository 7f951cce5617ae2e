"""A test that cannot be broken off ends its process, not the run; and says where it stood."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
HANGING = """
import threading
import pytest

def wait_for_nobody():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    try:
        threading.Event().wait()
    finally:
        thread.join()

@pytest.mark.timeout(0.2)
def test_hangs():
    wait_for_nobody()

def test_goes_on():
    pass
"""
LEAVING = """
import threading

def wait_for_nobody():
    threading.Event().wait()

def test_leaves_a_thread():
    threading.Thread(target=wait_for_nobody).start()
"""
CONFTEST = """
import last_resort

last_resort.GRACE = 0.5

def pytest_configure(config):
    config.pluginmanager.register(last_resort)
"""

pytestmark = pytest.mark.integration


def run(folder: Path, tests: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {HERE}\ntimeout = 60\n")
    argv = [sys.executable, "-m", "pytest", *words, "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_what_hangs_fails_and_the_others_are_run(tmp_path: Path) -> None:
    done = run(tmp_path, HANGING, "-n", "1")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "test_it.py::test_hangs" in done.stdout
    assert "in wait_for_nobody" in done.stderr + done.stdout


def test_a_thread_that_is_left_behind_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    done = run(tmp_path, LEAVING, "-n", "0")
    assert "1 passed" in done.stdout
    assert done.returncode == 1
    assert "in wait_for_nobody" in done.stderr
