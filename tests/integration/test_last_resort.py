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
CONFTEST = """
import last_resort

last_resort.GRACE = 0.5

def pytest_configure(config):
    config.pluginmanager.register(last_resort)
"""

pytestmark = pytest.mark.integration


def test_what_hangs_fails_and_the_others_are_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(HANGING)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {HERE}\ntimeout = 60\n")
    words = ["-m", "pytest", "-n", "1", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "test_it.py::test_hangs" in done.stdout
    assert "in wait_for_nobody" in done.stderr + done.stdout
