"""How a daemon's settings become the NATS driver's options: servers, credentials, trust. Used by bus.py."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, read_secret

RECONNECT_SECONDS = 0.25


def connect_options(settings: DaemonSettings) -> dict[str, Any]:
    """Arguments of `Client.connect` but its callbacks. `SettingsError` for what cannot be read."""
    options: dict[str, Any] = {
        "servers": [url.strip() for url in settings.nats_url.split(",")],
        "name": settings.name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_SECONDS,
        "connect_timeout": 2,
        "ping_interval": 10,
    }
    if settings.nats_user and settings.nats_password_file:
        options |= {"user": settings.nats_user, "password": _password(settings.nats_password_file)}
    if settings.nats_credentials_file:
        options["user_credentials"] = str(settings.nats_credentials_file)
    if settings.nats_tls_ca_file:
        options["tls"] = _trusting(settings.nats_tls_ca_file)
    return options


def _password(path: Path) -> str:
    try:
        return read_secret(path, 1).decode()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: the password is no UTF-8"]) from error


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # ssl.SSLError too
        raise SettingsError([f"{ca_file}: is no CA certificate: {error}"]) from error
