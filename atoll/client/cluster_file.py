"""`cluster.json`: where a cluster on this machine listens and where its admin key lies. I/O: reads it.

`atoll up` writes it; the client and the `atoll` command read it, so that on one machine nothing has to be
configured.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from atoll.settings import SettingsError, read_secret

NAME = "cluster.json"


class NodeEntry(Struct, frozen=True):
    """A node of the cluster."""

    url: str
    region: str


class ClusterFile(Struct, frozen=True):
    """What `cluster.json` says; members that only people read are left out."""

    query_services: tuple[str, ...]
    admin_key_file: str
    monitor: str | None = None
    nodes: dict[str, NodeEntry] = {}
    pids: dict[str, Any] = {}


def cluster_path(path: str | os.PathLike[str]) -> Path:
    """The file itself, when a cluster's directory is given."""
    given = Path(path)
    return given / NAME if given.is_dir() or given.suffix != ".json" else given


def read_cluster_file(path: str | os.PathLike[str]) -> ClusterFile:
    """The file at or in `path`; `SettingsError` when there is none or it is no such file."""
    file = cluster_path(path)
    try:
        cluster = msgspec.json.decode(file.read_bytes(), type=ClusterFile)
    except FileNotFoundError as error:
        raise SettingsError([f"{file}: there is none; is the cluster up (atoll up)?"]) from error
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: is not a cluster.json: {error}"]) from error
    if not cluster.query_services:
        raise SettingsError([f"{file}: names no query service"])
    return cluster


def local_access(path: str | os.PathLike[str]) -> tuple[tuple[str, ...], str]:
    """The query services and the admin key of the cluster at `path`; `SettingsError`."""
    cluster = read_cluster_file(path)
    return cluster.query_services, read_secret(Path(cluster.admin_key_file)).decode()
