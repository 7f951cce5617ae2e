"""Tells people by whatever Apprise knows: e-mail, Slack, PagerDuty, and a hundred more by URL. I/O.

Apprise works in threads of its own and says only whether it worked; why it did not is in its log lines. Of
several addresses in one URL some may have had the message by then.
"""

from __future__ import annotations

from typing import Any

from atoll.settings import SettingsError
from monitor.alerts import Alert, Batch
from monitor.channels import Undelivered

_SIGNS = {"raised": "▲", "changed": "↕", "reminded": "…", "cleared": "✓"}


class AppriseChannel:
    """A `Channel`. `SettingsError` for a URL that Apprise does not know, or without Apprise."""

    def __init__(self, name: str, url: str) -> None:
        try:
            import apprise
        except ImportError as error:
            raise SettingsError(
                [f"channel {name}: needs Apprise, which is not installed: pip install 'atoll[alerts]'"]
            ) from error
        self._apprise: Any = apprise.Apprise()
        if not self._apprise.add(url):
            raise SettingsError([f"channel {name}: its url is none that Apprise knows"])

    async def send(self, batch: Batch) -> None:
        kind = {"ok": "success", "warning": "warning", "critical": "failure"}[batch.worst]
        if not await self._apprise.async_notify(title=title_of(batch), body=text_of(batch), notify_type=kind):
            why = "Apprise could not deliver it; its lines in the log say why"
            raise Undelivered(why, perhaps=True)


def title_of(batch: Batch) -> str:
    """What is read on a telephone: the worst of it, and how many more."""
    worst = max(batch.alerts, key=lambda alert: ("ok", "warning", "critical").index(alert.level))
    others = len(batch.alerts) + batch.more - 1
    word = "solved" if batch.worst == "ok" else batch.worst
    return f"Atoll, {word}: {worst.detail[:120]}" + (f" (and {others} more)" if others else "")


def text_of(batch: Batch) -> str:
    """Every alert in two lines."""
    lines = [line for alert in batch.alerts for line in _lines(alert)]
    return "\n".join(lines + ([f"… and {batch.more} more"] if batch.more else []))


def _lines(alert: Alert) -> list[str]:
    first = f"{_SIGNS[alert.transition]} {alert.level.upper()} {alert.detail}"
    return [first] if alert.transition == "cleared" else [first, f"   {alert.todo}"]
