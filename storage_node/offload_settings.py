"""The settings of a static web server before the node, which serves files past it (docs/offload.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atoll.settings import setting

_PREFIX = re.compile(r"/[A-Za-z0-9_-]{1,64}", re.ASCII)


def _check_prefix(value: str) -> object:
    if value and not _PREFIX.fullmatch(value):
        raise ValueError("must be one segment of a path, such as /_atoll, or empty")
    return value


@dataclass(frozen=True, kw_only=True)
class OffloadSettings:
    """Mixed into the node's settings."""

    static_offload: bool = setting(
        "Let a static web server (deploy/nginx) serve public images past this node; they are then checked"
        " when they come in and by the scrubber, not at each read.",
        default=False,
    )
    accel_redirect_prefix: str = setting(
        "Internal location of that server, e.g. /_atoll: private images are handed to it by X-Accel-Redirect"
        " after this node's check, if it is in trusted_proxies. Empty: never.",
        default="",
        check=_check_prefix,
    )
