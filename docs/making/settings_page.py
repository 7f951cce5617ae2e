"""docs/reference/settings.md: every setting of every daemon and of the command, from their classes."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atoll.client.settings import ClientSettings
from atoll.daemon_settings import DaemonSettings
from atoll.settings import PREFIX, Bytes
from making.markdown import code, page, table
from monitor.settings import MonitorSettings
from query_service.settings import QuerySettings
from replicator.settings import ReplicatorSettings
from storage_node.settings import NodeSettings

# By the sample in deploy/ that shows them.
CLASSES: dict[str, type[Any]] = {
    "storage_node": NodeSettings,
    "replicator": ReplicatorSettings,
    "query_service": QuerySettings,
    "monitor": MonitorSettings,
    "client": ClientSettings,
}
_UNITS = (
    ("_bytes_per_second", "bytes a second"),
    ("_seconds", "seconds"),
    ("_hours", "hours"),
    ("_days", "days"),
    ("_percent", "percent"),
    ("_points", "percentage points"),
    ("_pixels", "pixels"),
    ("_bytes", "bytes"),
    ("_lat", "degrees"),
    ("_lon", "degrees"),
)
_EXACT = {"lat": "degrees", "lon": "degrees", "max_side": "pixels", "key_rate": "a second"}
_EXACT |= {"address_rate": "a second", "sign_in_rate": "a second"}
_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_INTRO = f"""\
Each daemon reads one TOML file (`--settings FILE`) and variables of its environment: `{PREFIX}` and the
setting's name in capitals, such as `{PREFIX}LISTEN_PORT`. The variable wins. Everything is checked at
the start, and all mistakes are told at once; `--check` does only that. Commented samples, with every
line of this page, are in [deploy/](../../deploy/README.md).

A size is a number of bytes, or one with a unit: `65536`, `64MiB`, `2 GiB`. In a variable a list has
commas between its items. **Needed** means that there is no default. Secrets lie in files of their own,
of mode 600, never in a setting."""
_CLIENT = """\
The `atoll` command's, where no cluster of `atoll up` lies in the directory, or `--settings` is said:
from a file such as [client.toml](../../deploy/client.toml), or the environment."""


def settings_page() -> str:
    """The page."""
    parts = ["# Settings", _INTRO, "## Every daemon", _table(DaemonSettings)]
    for name, cls in CLASSES.items():
        parts += [f"## `{name}`", _where(name), _table(cls, shared=issubclass(cls, DaemonSettings))]
    return page(*parts)


def _where(name: str) -> str:
    if name == "client":
        return _CLIENT
    return f"Beside those that every daemon has. Sample: [{name}.toml](../../deploy/{name}.toml)."


def _table(cls: type[Any], *, shared: bool = False) -> str:
    """All its settings, but for those that it has in common with every daemon."""
    hints = typing.get_type_hints(cls)
    common = {field.name for field in dataclasses.fields(DaemonSettings)} if shared else set()
    own = [field for field in dataclasses.fields(cls) if field.name not in common]
    own.sort(
        key=lambda field: field.name not in vars(cls)["__annotations__"]
    )  # its own, then what is mixed in
    rows = [
        (code(f.name), _values(f, hints[f.name]), _default(f, hints[f.name]), f.metadata["doc"]) for f in own
    ]
    return table(["setting", "value", "default", "means"], rows)


def _plain(hint: Any) -> Any:
    """The type without `| None`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = [arm for arm in typing.get_args(hint) if arm is not type(None)]
    return hint


def _values(field: dataclasses.Field[Any], hint: Any) -> str:
    """What kind of value it is, in which unit, from where to where."""
    rules = field.metadata
    if rules["choices"]:
        return ", ".join(map(code, rules["choices"]))
    return ", ".join([_kind(field.name, _plain(hint)), *_range(rules["low"], rules["high"], _plain(hint))])


def _kind(name: str, kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "list"
    if kind is Bytes:
        return "size"
    if kind not in (int, float):
        return {bool: "true or false", Path: "path"}.get(kind, "text")
    return unit(name) or ("whole number" if kind is int else "number")


def unit(name: str) -> str:
    """What a number of this name counts, or nothing where it has no unit."""
    return _EXACT.get(name) or next((unit for end, unit in _UNITS if name.endswith(end)), "")


def _range(low: float | None, high: float | None, kind: Any) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"{_number(low, kind)} to {_number(high, kind)}"
    elif low is not None:
        yield f"from {_number(low, kind)}"
    elif high is not None:
        yield f"up to {_number(high, kind)}"


def _default(field: dataclasses.Field[Any], hint: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "**needed**"
    if field.default is None or field.default == ():
        return ""
    return code(_shown(field.default, _plain(hint)))


def _shown(value: Any, kind: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return _number(value, kind) if isinstance(value, int | float) else str(value)


def _number(value: float, kind: Any) -> str:
    """As one would write it into the file, but with thousands apart."""
    if kind is Bytes:
        return next(
            (f"{value // size:g} {unit}" for size, unit in _SIZES if value >= size and value % size == 0),
            f"{value:,}",
        )
    return f"{value:,.15g}"
