"""When and how far the cluster grows by itself, and shrinks if asked to: the operator's policy, from a file.

TOML; I/O in `load_policy`.
The file is read at the monitor's start and has mode 600: a webhook's secret may lie in it. A region without a
`[region.NAME]` never grows.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from atoll.errors import BadRequest
from atoll.model import Label
from atoll.settings import SettingsError, read_secret
from monitor.webhook_url import is_web_url

DEFAULT_MAX = 5  # nodes of a region
MIN_SECRET_CHARS = 16
MOST_OF_CPU = 0.5  # a region shrinks below half of what it grows above: else it would go up and down

Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Money = Annotated[float, Meta(ge=0)]


class ShrinkPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """When a region gives a replica back: its other nodes would do all the work below `cpu_percent`, for
    `minutes` on end. `cooldown_seconds`: since the region last grew or shrank."""

    cpu_percent: Annotated[float, Meta(gt=0, le=50)] = 10.0
    minutes: Annotated[float, Meta(ge=0, le=10_080)] = 60.0
    cooldown_seconds: Seconds = 3600.0


class RegionPolicy(Struct, frozen=True, forbid_unknown_fields=True, rename={"shrink": "in"}):
    """When a region grows. Each `when` is off at 0: free_percent, forecast_days, cpu_percent. Without
    `shrink` (`[region.NAME.in]`) it never shrinks by itself."""

    min: Annotated[int, Meta(ge=0, le=100)] = 0
    max: Annotated[int, Meta(ge=1, le=100)] = DEFAULT_MAX
    free_percent: Percent = 20.0
    forecast_days: Annotated[float, Meta(ge=0, le=3650)] = 7.0
    cpu_percent: Percent = 50.0
    cpu_minutes: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    cooldown_seconds: Seconds = 600.0
    monthly_cost: Money = 0.0
    shrink: ShrinkPolicy | None = None


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
    """The whole file. `dry_run`: decide and say, change nothing. Without `monthly_budget` none is kept.

    `drain_seconds`: a node that is not drained by then is taken back. `settle_seconds`: the map's nodes must
    have been heard, and the same, for so long before anything is decided on.
    """

    provider: ProviderEntry
    region: dict[Label, RegionPolicy] = {}
    dry_run: bool = False
    monthly_budget: Money | None = None
    join_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 900.0
    tries: Annotated[int, Meta(ge=1, le=20)] = 3
    retry_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 30.0
    drain_seconds: Annotated[float, Meta(ge=1, le=604_800)] = 86_400.0
    settle_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0


class TriedPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a policy is to be tried: when regions grow and shrink. No provider, and none of its secrets."""

    region: Annotated[dict[Label, RegionPolicy], Meta(max_length=100)]
    monthly_budget: Money | None = None

    def policy(self) -> ScalePolicy:
        """As a policy that changes nothing; `BadRequest` with every mistake."""
        nobody = ProviderEntry("exec", ("/bin/false",))
        policy = ScalePolicy(nobody, self.region, dry_run=True, monthly_budget=self.monthly_budget)
        if mistakes := _of_regions(policy):
            raise BadRequest("; ".join(mistakes))
        return policy


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
    if not is_web_url(entry.url):
        mistakes.append("provider: a webhook's url begins with https:// or http://, and a host")
    if len(entry.secret) < MIN_SECRET_CHARS:
        mistakes.append(f"provider: its secret needs at least {MIN_SECRET_CHARS} characters")
    return mistakes


def _of_regions(policy: ScalePolicy) -> list[str]:
    mistakes = [f"region {name}: min is above max" for name, r in policy.region.items() if r.min > r.max]
    for name, rule in policy.region.items():
        most = rule.cpu_percent * MOST_OF_CPU
        if rule.shrink and rule.cpu_percent and rule.shrink.cpu_percent > most:
            mistakes.append(f"region {name}: in.cpu_percent is above {most:g}, half of its cpu_percent")
    return mistakes
