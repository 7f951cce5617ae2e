"""The settings of every daemon that sends requests to URLs from outside: how far it may go, and how long."""

from __future__ import annotations

from dataclasses import dataclass

from atoll.daemon_settings import check_networks
from atoll.outward import OutwardLimits
from atoll.outward_addresses import AddressPolicy
from atoll.settings import setting


def _check_ports(ports: tuple[int, ...]) -> None:
    for port in ports:
        if not 1 <= port <= 65535:
            raise ValueError("a port is a number from 1 to 65535")


@dataclass(frozen=True, kw_only=True)
class OutwardSettings:
    """Beside what every daemon has; mixed in by those that need it."""

    outward_networks: tuple[str, ...] = setting(
        "Networks (CIDR) of your own that URLs from outside may lead to, beside public addresses.",
        default=(),
        check=check_networks,
    )
    outward_ports: tuple[int, ...] = setting(
        "Ports that URLs from outside may name.", default=(80, 443), check=_check_ports
    )
    outward_connect_seconds: float = setting(
        "Longest time to look up and connect to a URL from outside.", default=5.0, low=0.1, high=60
    )
    outward_headers_seconds: float = setting(
        "Longest wait for the other server's answer to begin.", default=10.0, low=0.1, high=120
    )
    outward_idle_seconds: float = setting(
        "Longest silence in the other server's answer.", default=10.0, low=0.1, high=120
    )

    def outward_policy(self) -> AddressPolicy:
        """Which addresses are reached."""
        return AddressPolicy.of(self.outward_networks)

    def outward_limits(self) -> OutwardLimits:
        """How long is waited."""
        return OutwardLimits(
            self.outward_connect_seconds, self.outward_headers_seconds, self.outward_idle_seconds
        )
