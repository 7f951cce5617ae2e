"""A new machine joins: its token used, and the settings of its node and replicator written. I/O.

Called by `atoll node join` on a new machine and by the supervisor of a local cluster. Whoever calls starts
the two daemons; the node puts itself into the cluster map. `installation` is kept beside the settings, so
that the same machine may ask again when it was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atoll.atomic_file import write_atomically
from atoll.client.connection import open_session
from atoll.client.query import QueryServices
from atoll.ids import new_id
from atoll.join_tokens import JoinGrant, SealedGrant, join_request, open_grant
from atoll.signing import from_base64url

ANSWER_SECONDS = 5.0
NO_KEY = "-"

Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class NewNode:
    """Where the node is to lie and listen. `extra`: settings of the node beyond these.

    `nats_url`: servers nearer to it than those the cluster names. `state`: where its daemons remember the
    map; None: in `directory`.
    """

    directory: Path
    data: Path
    public_url: str
    host: str = "127.0.0.1"
    node_port: int = 8410
    replicator_port: int = 8430
    extra: Mapping[str, Value] | None = None
    nats_url: str | None = None
    state: Path | None = None


async def use_token(
    urls: Sequence[str], token: str, directory: Path, tls_ca_file: Path | None = None, patience: float = 30.0
) -> JoinGrant:
    """What the token grants; `Unauthorized` for a wrong one, `Conflict` for one that another machine used."""
    installation = _installation(directory)
    request = join_request(token, installation)
    async with open_session(tls_ca_file) as session:
        query = QueryServices(urls, NO_KEY, lambda: session, patience=patience)
        answer = await query.call("POST", "/v1/join", SealedGrant, body=request, seconds=ANSWER_SECONDS)
    return open_grant(answer, token, installation)


def _installation(directory: Path) -> str:
    path = directory / "installation"
    if not path.exists():
        write_atomically(path, new_id().encode())
    return path.read_text().strip()


def write_files(grant: JoinGrant, new: NewNode) -> tuple[Path, Path]:
    """The settings files of node and replicator, and the secrets they name; blocks."""
    here = new.directory.resolve()
    write_atomically(here / "cluster.secret", from_base64url(grant.cluster_secret))
    if grant.nats_password is not None:
        write_atomically(here / "nats.password", grant.nats_password.encode())
    node, replicator = here / "storage_node.toml", here / "replicator.toml"
    write_atomically(node, _toml(_node_settings(grant, new, here)))
    write_atomically(replicator, _toml(_replicator_settings(grant, new, here)))
    return node, replicator


def _common(grant: JoinGrant, new: NewNode, here: Path, name: str, port: int) -> dict[str, Value]:
    common: dict[str, Value] = {
        "name": name,
        "region": grant.region,
        "listen_host": new.host,
        "listen_port": port,
        "cluster_secret_file": str(here / "cluster.secret"),
        "state_dir": str((new.state or here / "state").absolute() / name),
        "nats_url": new.nats_url or grant.nats_url,
        "nats_replicas": grant.nats_replicas,
    }
    if grant.nats_map_domain is not None:
        common["nats_map_domain"] = grant.nats_map_domain
    if grant.nats_user is not None:
        common["nats_user"] = grant.nats_user
    if grant.nats_password is not None:
        common["nats_password_file"] = str(here / "nats.password")
    return common


def _node_settings(grant: JoinGrant, new: NewNode, here: Path) -> dict[str, Value]:
    return {
        **_common(grant, new, here, grant.node, new.node_port),
        "set": grant.set,
        "public_url": new.public_url,
        "data_dir": str(new.data.resolve()),
        "region_lat": grant.lat,
        "region_lon": grant.lon,
        **(new.extra or {}),
    }


def _replicator_settings(grant: JoinGrant, new: NewNode, here: Path) -> dict[str, Value]:
    name = f"{grant.node[:20].rstrip('-')}-replicator"
    return {**_common(grant, new, here, name, new.replicator_port), "node": grant.node}


def _toml(settings: Mapping[str, Value]) -> bytes:
    """JSON's strings, numbers and lists are TOML's."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()).encode()
