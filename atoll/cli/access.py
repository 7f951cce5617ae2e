"""Finding the cluster: --cluster, else settings (file, ATOLL_* variables), else `.atoll` in this directory.

Owns the options that all verbs share and the client that they use.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from atoll.cli.exit_codes import WrongUsage
from atoll.client.async_client import AsyncClient
from atoll.client.cluster_file import ClusterFile, cluster_path, read_cluster_file
from atoll.client.settings import ClientSettings
from atoll.model import Position
from atoll.settings import SettingsError, load, read_secret

OWN_BUCKETS = "atoll-"  # of the cluster itself, such as the canaries'
DEFAULT_CLUSTERS = (Path(".atoll"), Path(".atoll/demo"))  # where `atoll up` and `atoll demo` keep theirs


class NoCluster(WrongUsage):
    """Nobody says which cluster is meant."""

    slug = "no-cluster"
    title = "There is no cluster here"


def add_shared(parser: argparse.ArgumentParser) -> None:
    """The options of every verb that talks to a cluster."""
    group = parser.add_argument_group("which cluster, and how to answer")
    group.add_argument("--json", action="store_true", help="answer in JSON: one document, or one a line")
    group.add_argument(
        "--cluster", type=Path, metavar="DIR", help="a cluster's directory or cluster.json (see `atoll up`)"
    )
    group.add_argument("--settings", type=Path, metavar="FILE", help="TOML file: url, api_key_file, …")


@dataclass(frozen=True)
class Access:
    """How to reach the cluster, and who we are there. `file` is its cluster.json, if it has one here."""

    urls: tuple[str, ...]
    api_key: str
    settings: ClientSettings
    monitor: str | None = None
    file: ClusterFile | None = None
    directory: Path | None = None

    @property
    def journal(self) -> Path:
        """The journal of uploads: beside cluster.json, else in the state directory, one per cluster."""
        return self.kept("uploads", ".journal")

    def kept(self, name: str, suffix: str) -> Path:
        """A file of this command's own about this cluster and no other."""
        if self.directory is not None:
            return self.directory / f"{name}{suffix}"
        state = self.settings.state_dir or Path.home() / ".local/state/atoll"
        cluster = hashlib.sha256("\n".join(sorted(self.urls)).encode()).hexdigest()[:12]
        return state / f"{name}-{cluster}{suffix}"

    def client(self) -> AsyncClient:
        """A client with these; at the place the settings give, if they do."""
        known = self.settings
        position = None
        if known.lat is not None and known.lon is not None:
            position = Position(known.lat, known.lon)
        return AsyncClient(
            self.urls,
            self.api_key,
            region=known.region,
            position=position,
            tls_ca_file=known.tls_ca_file,
            patience=known.patience_seconds,
        )


def find_access(args: argparse.Namespace) -> Access:
    """The cluster that the options, the settings or this directory name; `SettingsError` if none does."""
    settings = load(ClientSettings, args.settings)
    if args.cluster is not None:
        return _from_file(args.cluster, settings)
    if settings.url:
        return _from_settings(settings)
    for directory in DEFAULT_CLUSTERS:
        if cluster_path(directory).exists():
            return _from_file(directory, settings)
    raise NoCluster("Start one with `atoll up`, or say which one: --cluster, --settings or ATOLL_URL.")


def _from_file(path: Path, settings: ClientSettings) -> Access:
    file = read_cluster_file(path)
    key = _api_key(settings.api_key_file or Path(file.admin_key_file))
    return Access(
        file.query_services, key, settings, file.monitor, file, directory=cluster_path(path).resolve().parent
    )


def _from_settings(settings: ClientSettings) -> Access:
    if settings.api_key_file is None:
        raise SettingsError(["api_key_file: is missing (ATOLL_API_KEY_FILE): a file with the API key"])
    return Access(settings.url, _api_key(settings.api_key_file), settings, settings.monitor_url)


def _api_key(path: Path) -> str:
    secret = read_secret(path)
    if not secret.isascii() or not secret.decode().isprintable():
        raise SettingsError([f"{path}: holds no API key: it has characters that no header can carry"])
    return secret.decode()


def with_client(
    args: argparse.Namespace, work: Callable[[argparse.Namespace, AsyncClient, Access], Awaitable[int]]
) -> int:
    """Run `work` with a client of the cluster; its exit code."""
    access = find_access(args)

    async def _run() -> int:
        async with access.client() as client:
            return await work(args, client, access)

    return asyncio.run(_run())


async def bucket_of(args: argparse.Namespace, client: AsyncClient, access: Access) -> str:
    """The bucket meant: --bucket, else the settings', else the only one there is (besides our own)."""
    named: str | None = args.bucket or access.settings.bucket
    if named is not None:
        return named
    buckets = [b.name for b in await client.buckets() if not b.name.startswith(OWN_BUCKETS)]
    if len(buckets) == 1:
        return buckets[0]
    known = ", ".join(buckets[:20]) or "none yet; make one with `atoll buckets --create NAME`"
    raise WrongUsage(f"Which bucket? Say --bucket NAME. There are: {known}.")
