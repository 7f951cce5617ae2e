"""What `atoll init` was asked for, and the files that follow from it. Pure.

One rule: what can be made of nothing is made (the first machine's secrets); what another machine has made
already is only named, with what to do about it. No placeholder ever stands where a secret belongs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from atoll.cli.init_secrets import USER, PlannedFile, first_secrets

Role = Literal["machine", "node", "query", "monitor"]
Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class InitOrder:
    """Who this machine is. Paths are absolute; `secret` is the cluster's, when there is one already."""

    role: Role
    to: Path
    data: Path
    region: str
    name: str
    replica_set: str = "s1"
    lat: float | None = None
    lon: float | None = None
    public_url: str = ""
    query_url: str = ""
    service_urls: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    nats_url: str = "nats://127.0.0.1:4222"
    nats_replicas: int = 1
    map_domain: str | None = None
    region_domain: str | None = None
    mongodb_host: str = "127.0.0.1:27017"
    redis_host: str = "127.0.0.1:6379"
    secret: str | None = field(default=None, repr=False)

    @property
    def first(self) -> bool:
        """Whether it makes the secrets of a cluster."""
        return self.role == "machine"


class Missing(NamedTuple):
    """A file that the settings name and that cannot be made here."""

    path: Path
    todo: str


@dataclass(frozen=True)
class Plan:
    """What is written, what is made elsewhere, and which daemons then run here."""

    files: tuple[PlannedFile, ...] = field(repr=False)
    missing: tuple[Missing, ...]
    daemons: tuple[str, ...]


_DAEMONS: Mapping[Role, tuple[str, ...]] = {
    "machine": ("storage_node", "replicator", "query_service", "monitor"),
    "node": ("storage_node", "replicator"),
    "query": ("query_service",),
    "monitor": ("monitor",),
}
PORTS = {"storage_node": 8410, "replicator": 8430, "query_service": 8400, "monitor": 8420}
_FROM_THE_FIRST = "copy it from a machine that has it, mode 600"


def plan(order: InitOrder, new_secret: Callable[[], str]) -> Plan:
    """Everything that one run writes; `new_secret` gives 256 random bits that need no quoting anywhere."""
    daemons = _DAEMONS[order.role]
    files = [PlannedFile(order.to / f"{name}.toml", _settings_text(name, order)) for name in daemons]
    secrets = tuple(_secrets(order, new_secret))
    files += secrets
    made = {file.path.name for file in secrets}
    missing = tuple(m for m in _needed(order, daemons) if m.path.name not in made)
    return Plan(tuple(files), missing, daemons)


def _secrets(order: InitOrder, new_secret: Callable[[], str]) -> Iterator[PlannedFile]:
    if order.first:
        yield from first_secrets(order.to, order.redis_host, order.mongodb_host, order.secret, new_secret)
    elif order.secret is not None:
        yield PlannedFile(order.to / "cluster.secret", order.secret + "\n")


def _needed(order: InitOrder, daemons: tuple[str, ...]) -> Iterator[Missing]:
    to = order.to
    yield Missing(to / "cluster.secret", _FROM_THE_FIRST)
    yield Missing(to / "nats.password", f"the password of NATS's user {USER}, mode 600")
    if "query_service" in daemons:
        yield Missing(
            to / "mongodb.url", "mongodb://user:password@host,host/?replicaSet=…&tls=true, mode 600"
        )
        yield Missing(to / "redis.url", "rediss://user:password@host:6379/0, mode 600")
    if {"query_service", "monitor"} & set(daemons):
        yield Missing(to / "api_keys.toml", _FROM_THE_FIRST)


def _settings_text(daemon: str, order: InitOrder) -> str:
    """JSON's strings, numbers and lists are TOML's."""
    head = f"# Written by `atoll init`. Every other setting, with its default: deploy/{daemon}.toml\n"
    values = {**_common(daemon, order), **_own(daemon, order)}
    return head + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def daemon_name(daemon: str, order: InitOrder) -> str:
    """The node has the machine's name; a daemon beside it one that says what it is."""
    if daemon == "storage_node":
        return order.name
    kind = {"replicator": "replicator", "query_service": "query", "monitor": "monitor"}[daemon]
    return f"{order.name[: 31 - len(kind)].rstrip('-')}-{kind}"


def _common(daemon: str, order: InitOrder) -> dict[str, Value]:
    to = order.to
    found: dict[str, Value] = {
        "name": daemon_name(daemon, order),
        "region": order.region,
        # Nobody but this machine and Prometheus asks a replicator or a monitor anything.
        "listen_host": order.host if daemon in {"storage_node", "query_service"} else "127.0.0.1",
        "listen_port": PORTS[daemon],
        "cluster_secret_file": str(to / "cluster.secret"),
        "state_dir": str(order.data / daemon),
        "nats_url": order.nats_url,
        "nats_user": USER,
        "nats_password_file": str(to / "nats.password"),
        "nats_replicas": order.nats_replicas,
    }
    if order.map_domain is not None:
        found["nats_map_domain"] = order.map_domain
    return found


def _own(daemon: str, order: InitOrder) -> dict[str, Value]:
    if daemon == "storage_node":
        return _node(order)
    if daemon == "replicator":
        return {"node": order.name}
    api_keys: dict[str, Value] = {"api_keys_file": str(order.to / "api_keys.toml")}
    return api_keys | (_query(order) if daemon == "query_service" else _monitor(order))


def _node(order: InitOrder) -> dict[str, Value]:
    found: dict[str, Value] = {
        "set": order.replica_set,
        "public_url": order.public_url,
        "data_dir": str(order.data / "data"),
    }
    if order.lat is not None and order.lon is not None:
        found |= {"region_lat": order.lat, "region_lon": order.lon}
    if order.region_domain is not None:
        found["nats_region_domain"] = order.region_domain
    return found


def _query(order: InitOrder) -> dict[str, Value]:
    found: dict[str, Value] = {
        "mongodb_url_file": str(order.to / "mongodb.url"),
        "redis_url_file": str(order.to / "redis.url"),
        "join_nats_user": USER,
        "join_nats_password_file": str(order.to / "nats.password"),
    }
    if order.query_url:
        found["public_url"] = order.query_url
    if order.first:
        found["monitor_urls"] = [f"http://127.0.0.1:{PORTS['monitor']}"]
    return found


def _monitor(order: InitOrder) -> dict[str, Value]:
    here = [f"http://127.0.0.1:{PORTS[name]}" for name in ("query_service", "replicator")]
    return {"service_urls": list(order.service_urls) or (here if order.first else [])}
