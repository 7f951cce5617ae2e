"""When and how far the cluster grows by itself: the operator's policy, from a TOML file. I/O: `load_policy`.

The file is read at the monitor's start and has mode 600: a webhook's secret may lie in it. A region without a
`[region.NAME]` never grows.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from atoll.model import Label
from atoll.settings import SettingsError, read_secret

DEFAULT_MAX = 5  # nodes of a region
MIN_SECRET_CHARS = 16

Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Money = Annotated[float, Meta(ge=0)]


class RegionPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """When a region grows. Each `when` is off at 0: free_percent, forecast_days, cpu_percent."""

    min: Annotated[int, Meta(ge=0, le=100)] = 0
    max: Annotated[int, Meta(ge=1, le=100)] = DEFAULT_MAX
    free_percent: Percent = 20.0
    forecast_days: Annotated[float, Meta(ge=0, le=3650)] = 7.0
    cpu_percent: Percent = 50.0
    cpu_minutes: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    cooldown_seconds: Seconds = 600.0
    monthly_cost: Money = 0.0


class ProviderEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Who starts machines. exec: `argv`, `environment`; webhook: `url`, `secret`; local: `directory`."""

    kind: Literal["exec", "webhook", "local"]
    argv: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    url: str = ""
    secret: str = ""
    directory: str = ""
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 120.0


class ScalePolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `dry_run`: decide and say, start nothing. Without `monthly_budget` none is kept."""

    provider: ProviderEntry
    region: dict[Label, RegionPolicy] = {}
    dry_run: bool = False
    monthly_budget: Money | None = None
    join_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 900.0
    tries: Annotated[int, Meta(ge=1, le=20)] = 3
    retry_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 30.0


def load_policy(path: Path | None) -> ScalePolicy | None:
    """The policy, or None without a file; `SettingsError` with every mistake, never a secret in it."""
    if path is None:
        return None
    try:
        document = tomllib.loads(read_secret(path, min_bytes=1).decode())
        policy = msgspec.convert(document, ScalePolicy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{path}: {error}"]) from error
    if mistakes := [
        f"{path}: {mistake}" for mistake in (*_of_provider(policy.provider), *_of_regions(policy))
    ]:
        raise SettingsError(mistakes)
    return policy


def _of_provider(entry: ProviderEntry) -> list[str]:
    if entry.kind == "exec" and not (entry.argv and Path(entry.argv[0]).is_absolute()):
        return ["provider: exec needs argv, and its first word is an absolute path"]
    if entry.kind == "local" and not Path(entry.directory).is_absolute():
        return ["provider: local needs directory, an absolute path"]
    if entry.kind != "webhook":
        return []
    mistakes = []
    if urlsplit(entry.url).scheme not in {"http", "https"}:
        mistakes.append("provider: a webhook's url begins with https:// or http://")
    if len(entry.secret) < MIN_SECRET_CHARS:
        mistakes.append(f"provider: its secret needs at least {MIN_SECRET_CHARS} characters")
    return mistakes


def _of_regions(policy: ScalePolicy) -> list[str]:
    return [f"region {name}: min is above max" for name, rule in policy.region.items() if rule.min > rule.max]
