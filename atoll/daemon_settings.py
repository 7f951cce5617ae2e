"""The settings every daemon has: who it is, where it listens, which bus and secret it uses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from atoll import names
from atoll.settings import setting


def check_networks(networks: tuple[str, ...]) -> None:
    """ValueError unless each is a network in CIDR notation."""
    for network in networks:
        ipaddress.ip_network(network)


def check_nats_urls(urls: str) -> None:
    """ValueError unless each is a URL that the driver can use; it would fail out of sight otherwise."""
    for url in urls.split(","):
        parts = urlsplit(url.strip())
        if parts.scheme not in {"nats", "tls", "ws", "wss"} or not parts.hostname or parts.port == 0:
            raise ValueError("must be URLs such as nats://host:4222, separated by commas")


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True)
class DaemonSettings:
    """Shared by all daemons; each adds its own."""

    name: str = setting("This daemon's name, unique in the cluster.", check=names.check_node)
    region: str = setting("The region it stands in; must be in the cluster map.", check=names.check_region)
    listen_host: str = setting("Address to listen on.", default="127.0.0.1")
    listen_port: int = setting("TCP port to listen on.", low=1, high=65535)
    cluster_secret_file: Path = setting("File (mode 600) with the cluster secret: 32 bytes or more.")
    state_dir: Path = setting("Directory for the last-known-good copy of the cluster map.")
    nats_url: str = setting(
        "NATS servers, separated by commas: nats://a:4222,nats://b:4222 (or tls://).", check=check_nats_urls
    )
    nats_user: str | None = setting("NATS user, when the server wants one.", default=None)
    nats_password_file: Path | None = setting("File (mode 600) with the NATS password.", default=None)
    nats_credentials_file: Path | None = setting(
        "NATS .creds file, instead of user and password.", default=None
    )
    nats_tls_ca_file: Path | None = setting("CA certificate for NATS over TLS.", default=None)
    nats_map_domain: str | None = setting("JetStream domain that is home to the cluster map.", default=None)
    nats_replicas: int = setting("Copies JetStream keeps of each stream.", default=1, low=1, high=5)
    stream_max_age_hours: int = setting("How long events stay in a stream, in hours.", default=168, low=1)
    log_level: str = setting("Least severe level that is logged.", default="INFO", choices=_LEVELS)
    metrics_allow: tuple[str, ...] = setting(
        "Networks (CIDR) that may read /metrics.", default=("127.0.0.0/8", "::1/128"), check=check_networks
    )
    drain_seconds: float = setting(
        "How long a stop waits for requests under way.", default=20.0, low=0, high=600
    )
