"""`--context KEY=VALUE`, given several times, as `atoll upload` and `atoll edit` take it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from atoll.cli.exit_codes import WrongUsage


def context_of(pairs: Iterable[str]) -> dict[str, str]:
    """The pairs; the first `=` ends the key, and of a key that comes twice the last one counts."""
    context: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise WrongUsage(f"--context is KEY=VALUE, not {pair[:80]!r}.")
        context[key] = value
    return context
