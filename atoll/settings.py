"""Settings: one frozen dataclass per daemon, filled from a TOML file and `ATOLL_*` variables.

A daemon declares fields with `setting(...)`: the sentence there is the documentation, the sample file
and the error message. The environment wins over the file; all mistakes are reported at once; this module
is the only one that reads the environment.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NewType, TypeVar, get_type_hints

from atoll.errors import AtollError

PREFIX = "ATOLL_"
_CREDENTIALS = re.compile(r"//[^/\s]*@")  # of a URL
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)?", re.ASCII)
_UNITS = {None: 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Secret(str):
    """A string that does not show itself in logs and errors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"


# A size in bytes; in files and variables also `64MiB`, `2 GiB`. A plain int at run time.
Bytes = NewType("Bytes", int)


class SettingsError(AtollError):
    """Every mistake in the settings, one a line."""

    slug = "settings"
    title = "The settings are not usable"

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("The settings have mistakes:\n" + "\n".join(f"  - {m}" for m in mistakes))
        self.mistakes = mistakes


def setting(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    check: Callable[[Any], object] | None = None,
) -> Any:
    """A field: what it means (with its unit), its default, and what values are right.

    `check` raises an `AtollError` or `ValueError` for a wrong value.
    """
    metadata = {"doc": doc, "low": low, "high": high, "choices": choices, "check": check}
    return dataclasses.field(default=default, metadata=metadata)


S = TypeVar("S")


def load(
    cls: type[S], path: Path | None, environ: Mapping[str, str] | None = None, *, partly: bool = False
) -> S:
    """A `cls` from the TOML file at `path` (may be None) and the environment. Raises `SettingsError`.

    `partly`: the file has settings of others as well, which are passed over.
    """
    variables = os.environ if environ is None else environ
    mistakes: list[str] = []
    given = _read(path, mistakes)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]  # a dataclass by contract
    others = () if partly else given.keys() - fields.keys()
    mistakes += [f"{key}: there is no such setting (in {path})" for key in given if key in others]
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        raw: Any = variables.get(PREFIX + name.upper(), given.get(name, dataclasses.MISSING))
        if raw is dataclasses.MISSING:
            if field.default is dataclasses.MISSING:
                mistakes.append(f"{name}: is missing. {field.metadata['doc']}")
            continue
        try:
            values[name] = _convert(raw, hints[name])
            _check(values[name], field.metadata)
        except (ValueError, AtollError) as error:
            mistakes.append(f"{name}: {error} (got {_shown(raw, hints[name])}). {field.metadata['doc']}")
    if mistakes:
        raise SettingsError(mistakes)
    return cls(**values)


def _read(path: Path | None, mistakes: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mistakes.append(f"{path}: cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(f"{path}: is not TOML: {error}")
    return {}


def _shown(raw: object, kind: object) -> str:
    if Secret in (kind, *typing.get_args(kind)):
        return "a hidden value"
    return _CREDENTIALS.sub("//…@", repr(raw))


def _convert(raw: Any, kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):  # only `X | None`; of a NewType: Union
        (kind,) = [arm for arm in typing.get_args(kind) if arm is not type(None)]
        return None if raw == "" else _convert(raw, kind)
    if typing.get_origin(kind) is tuple:
        return tuple(_convert(item, typing.get_args(kind)[0]) for item in _items(raw))
    if kind is bool:
        return _to_bool(raw)
    if kind is Bytes:
        return _to_bytes(raw)
    if kind in (int, float):
        return _to_number(raw, kind)
    if not isinstance(raw, str):
        raise ValueError("must be a string")  # noqa: TRY004 - collected with the other wrong values
    return kind(raw)


def _items(raw: Any) -> list[Any]:
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(",") if item.strip()]
    if not isinstance(raw, list):
        raise ValueError("must be a list")  # noqa: TRY004 - collected with the other wrong values
    return raw


def _to_number(raw: Any, kind: type[int] | type[float]) -> float:
    wrong = isinstance(raw, bool) or not isinstance(raw, (str, int, float))
    if wrong or (kind is int and isinstance(raw, float)):
        raise ValueError(f"must be {kind.__name__}")
    value = kind(raw)
    if not math.isfinite(value):  # nan is neither below low nor above high
        raise ValueError("must be a finite number")
    return value


def _to_bool(raw: Any) -> bool:
    value = _WORDS.get(str(raw).lower())
    if value is None:
        raise ValueError("must be true or false")
    return value


def _to_bytes(raw: Any) -> Bytes:
    match = _SIZE.fullmatch(str(raw))
    if not match or isinstance(raw, bool):
        raise ValueError("must be a size such as 65536 or 64MiB")
    return Bytes(int(match[1]) * _UNITS[match[2]])


def _check(value: Any, rules: Mapping[str, Any]) -> None:
    if rules["low"] is not None and value is not None and value < rules["low"]:
        raise ValueError(f"must be at least {rules['low']}")
    if rules["high"] is not None and value is not None and value > rules["high"]:
        raise ValueError(f"must be at most {rules['high']}")
    if rules["choices"] and value is not None and value not in rules["choices"]:
        raise ValueError(f"must be one of {', '.join(rules['choices'])}")
    if rules["check"] and value is not None:
        rules["check"](value)


def read_secret(path: Path, min_bytes: int = 32) -> bytes:
    """A secret from a file that only its owner can read; `SettingsError` otherwise.

    Secrets lie in files, never in arguments or variables, which other users of a machine can see.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError([f"{path}: the secret cannot be read: {error.strerror}"]) from error
    if mode & 0o077:
        raise SettingsError([f"{path}: others can read this secret; run: chmod 600 {path}"])
    if len(secret) < min_bytes:
        raise SettingsError([f"{path}: the secret has {len(secret)} bytes; at least {min_bytes} are needed"])
    return secret
