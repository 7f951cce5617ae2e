"""Brings a virtual environment to what a lock file says, and says how far it is.

usage: set_up.py VENV LOCK. Called by the Makefile, once for each lock. Standard library only: this is what
runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

INSTALL = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
# A lock file names all there is: nothing is resolved once more.
# What is imported, which is little of it, Python compiles as it goes.
LOCKED = ("--no-deps", "--no-compile", "--require-hashes", "-r")


def main(venv: Path, lock: Path) -> int:
    began = time.monotonic()
    print(f"Setting up {venv} from {lock} (once; half a minute or so)", flush=True)
    python = made(venv)
    if not install(python, lock, *LOCKED, str(lock)):
        return 1
    if not install(python, lock, "--no-deps", "--no-build-isolation", "--editable", "."):
        return 1
    show(f"ready after {time.monotonic() - began:.0f} s\n")
    return 0


def made(venv: Path) -> str:
    """Its Python. What is there is kept."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    return str(python)


def install(python: str, lock: Path, *what: str) -> bool:
    """Run pip, counting what it collects; its whole output is shown only if it fails."""
    packages = len(re.findall(r"(?m)^[a-z0-9]", lock.read_text(encoding="utf-8")))
    said: list[str] = []
    with subprocess.Popen(
        [python, *INSTALL, *what], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            collected = sum(each.startswith("Collecting ") for each in said)
            if line.startswith("Collecting "):
                show(f"{collected} of about {packages} packages: {line.split()[1].partition('=')[0]}")
            elif line.startswith("Installing collected"):
                show("installing …")
    if pip.returncode:
        print("".join(["\n", *said]), file=sys.stderr)
    return pip.returncode == 0


def show(text: str) -> None:
    """In place on a terminal; elsewhere only what ends a line."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[2K  {text}")
    elif text.endswith("\n"):
        sys.stdout.write(f"  {text}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
