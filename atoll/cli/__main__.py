"""`atoll`: what Ctrl-C finds at once. Everything else, `command`, is imported under its eye.

Imports take a third of a second: a person who changes their mind in it is shown no traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_INTERRUPTED = 130  # as in `exit_codes`, which takes its time to import


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (see `exit_codes`)."""
    try:
        from atoll.cli import command

        return command.run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
