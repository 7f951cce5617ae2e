"""The file of channels (`alert_channels_file`): who is told of alerts, and how. I/O only when loading.

    [[channel]]
    name = "on-call"
    kind = "apprise"                       # any URL that Apprise knows: Slack, e-mail, PagerDuty, …
    url = "mailtos://user:password@example.org?to=ops@example.org"
    level = "warning"                      # the least that it is told
    rules = ["*"]                          # patterns of rules' names
    after_seconds = 0                      # only what nobody has acknowledged for so long: escalation
    repeat_seconds = 14400                 # what stands unacknowledged is told again; 0: never

    [[channel]]
    name = "automation"
    kind = "webhook"                       # JSON, signed with the secret: docs/monitor.md
    url = "https://example.org/hooks/atoll"
    secret = "at least sixteen characters"

URLs hold passwords, so the file must have the mode 600.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from atoll.settings import SettingsError, read_secret
from monitor.alerts import Batch
from monitor.told import Wants
from monitor.webhook_url import is_web_url

MAX_CHANNELS = 50
RESERVED = frozenset({"nats", "log"})


class Undelivered(Exception):
    """The batch did not arrive; with `perhaps`, nobody can say so. The message is for people."""

    def __init__(self, why: str, *, perhaps: bool = False) -> None:
        super().__init__(why)
        self.perhaps = perhaps


class Channel(Protocol):
    """A way to tell people or programs. Raises `Undelivered`; it is called again with what is due then."""

    async def send(self, batch: Batch) -> None:
        """Return when all of it has arrived."""
        ...


class ChannelEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One [[channel]] of the file."""

    name: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,39}\Z")]
    kind: Literal["apprise", "webhook"]
    url: Annotated[str, Meta(min_length=3, max_length=2000)]
    secret: str = ""
    level: Literal["warning", "critical"] = "warning"
    rules: tuple[str, ...] = ("*",)
    after_seconds: Annotated[float, Meta(ge=0, le=604_800)] = 0.0
    repeat_seconds: Annotated[float, Meta(ge=0, le=2_592_000)] = 0.0

    @property
    def wants(self) -> Wants:
        """What it is told."""
        return Wants(self.level, self.rules, self.after_seconds, self.repeat_seconds)


class _File(Struct, forbid_unknown_fields=True):
    channel: tuple[ChannelEntry, ...] = ()


def load_channels(path: Path | None) -> tuple[ChannelEntry, ...]:
    """The channels in the file; `SettingsError` with every mistake, never a URL or secret in it."""
    if path is None:
        return ()
    try:
        document = tomllib.loads(read_secret(path, min_bytes=1).decode())
        channels = msgspec.convert(document, _File).channel
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{path}: {error}"]) from error
    if mistakes := [f"{path}: {mistake}" for mistake in _mistakes(channels)]:
        raise SettingsError(mistakes)
    return channels


def _mistakes(channels: tuple[ChannelEntry, ...]) -> list[str]:
    names = Counter(channel.name for channel in channels)
    found = [f"channel {name}: there are {count} of that name" for name, count in names.items() if count > 1]
    found += [f"channel {name}: that name is taken" for name in names if name in RESERVED]
    if len(channels) > MAX_CHANNELS:
        found.append(f"there are {len(channels)} channels; at most {MAX_CHANNELS}")
    for channel in channels:
        if channel.kind != "webhook":
            continue
        if len(channel.secret) < 16:
            found.append(f"channel {channel.name}: its secret needs at least 16 characters")
        if not is_web_url(channel.url):
            found.append(
                f"channel {channel.name}: a webhook's url begins with https:// or http://, and a host"
            )
    return found
