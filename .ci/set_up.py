"""Makes a virtual environment from requirements.lock and says how far it is. Called by the Makefile, once.

usage: set_up.py VENV. Standard library only: this is what runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

LOCK = Path("requirements.lock")
INSTALL = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")


def main(venv: Path) -> int:
    began = time.monotonic()
    print(f"Setting up {venv} (once; a minute or so)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    if not install(python, "--require-hashes", "-r", str(LOCK)):
        return 1
    if not install(python, "--no-deps", "--no-build-isolation", "--editable", "."):
        return 1
    show(f"ready after {time.monotonic() - began:.0f} s\n")
    return 0


def install(python: str, *what: str) -> bool:
    """Run pip, counting what it collects; its whole output is shown only if it fails."""
    packages = len(re.findall(r"(?m)^[a-z0-9]", LOCK.read_text(encoding="utf-8")))
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
    sys.exit(main(Path(sys.argv[1])))
