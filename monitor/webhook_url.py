"""Whether an operator's URL can be asked at all: told at the start, not when it is needed. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_web_url(url: str) -> bool:
    """Whether it is http or https, with a host, and a port that there is."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket left open, a port beyond 65535
        return False
