"""The command line of every daemon: settings file in, exit code out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from atoll import lifecycle, log
from atoll.batch_work import become_batch_work
from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, load
from atoll.version import __version__

S = TypeVar("S", bound=DaemonSettings)

EXIT_SETTINGS = 2


def daemon_main(
    daemon: str,
    settings_class: type[S],
    run: Callable[[S, lifecycle.Stop], Awaitable[None]],
    argv: Sequence[str] | None = None,
    *,
    batch_work: bool = False,
) -> int:
    """Run a daemon to its end. `batch_work`: nobody waits for its answers (batch_work.py).

    Exit code 0: stopped as asked; 1: failed; 2: the settings are not usable.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {daemon}")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file; ATOLL_* variables win over it"
    )
    parser.add_argument("--check", action="store_true", help="say whether the settings are usable, and end")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(argv)
    try:
        settings = load(settings_class, options.settings)
        if options.check:
            print(f"{daemon}: the settings are usable")  # noqa: T201 - the answer to --check
            return 0
        if batch_work:
            become_batch_work()
        log.configure(f"{daemon}/{settings.name}", settings.log_level)
        return lifecycle.run(partial(run, settings))
    except SettingsError as error:
        print(error.detail, file=sys.stderr)  # noqa: T201 - logging is not set up yet
        return EXIT_SETTINGS
