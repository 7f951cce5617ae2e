"""One settings file: is it usable, are its secrets private, is its port free, do its certificates hold?"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from atoll.cli.exit_codes import WrongUsage
from atoll.cli.preflight_finding import Look, bad, well
from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, load, read_secret, setting

DAEMONS = ("storage_node", "replicator", "query_service", "monitor")
CHECK_SECONDS = 60.0
HEALTH_SECONDS = 2.0
CERTIFICATE_DAYS = 21


@dataclass(frozen=True, kw_only=True)
class Reach(DaemonSettings):
    """What of any daemon's settings concerns the machine: files, directories, addresses."""

    data_dir: Path | None = setting("See deploy/storage_node.toml.", default=None)
    api_keys_file: Path | None = setting("See deploy/query_service.toml.", default=None)
    mongodb_url_file: Path | None = setting("See deploy/query_service.toml.", default=None)
    mongodb_database: str = setting("See deploy/query_service.toml.", default="atoll")
    redis_url_file: Path | None = setting("See deploy/query_service.toml.", default=None)


def daemon_of(path: Path) -> str:
    """Whose settings a file has, by its name: `storage_node.toml`, `node-1.storage_node.toml`."""
    for part in reversed(path.name.split(".")):
        if part in DAEMONS:
            return part
    raise WrongUsage(f"{path.name}: the file is to be named for its daemon, such as storage_node.toml.")


def settings_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and daemons' files in the directories named; `WrongUsage` for one without."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [file for file in sorted(path.glob("*.toml")) if set(file.name.split(".")) & set(DAEMONS)]
        if not found:
            raise WrongUsage(f"{path}: no settings of a daemon lie there, such as storage_node.toml.")
        yield from found


def look_at_settings(path: Path) -> tuple[Reach | None, Look]:
    """What the daemon itself says of the file, and what is needed of it here."""
    daemon, check = daemon_of(path), f"settings {path.name}"
    argv = [sys.executable, "-m", daemon, "--settings", str(path), "--check"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)  # noqa: S603 - our own interpreter, our own module
        if done.returncode:
            return None, bad(check, done.stderr.strip()[-2000:], "Correct what it names.")
        return load(Reach, path, partly=True), well(check, "usable")
    except (SettingsError, subprocess.TimeoutExpired) as error:
        return None, bad(check, str(error)[:2000], "Correct what it names.")


def look_at_files(reach: Reach) -> Iterator[Look]:
    """Secrets and certificates."""
    for name, least in (
        ("cluster_secret_file", 32),
        ("nats_password_file", 1),
        ("mongodb_url_file", 1),
        ("redis_url_file", 1),
        ("api_keys_file", 1),
    ):
        path: Path | None = getattr(reach, name)
        if path is not None:
            yield _secret(name, path, least)
    if reach.nats_tls_ca_file is not None:
        yield certificate("nats_tls_ca_file", reach.nats_tls_ca_file, datetime.now(UTC))


def _secret(name: str, path: Path, least: int) -> Look:
    try:
        read_secret(path, least)
    except SettingsError as error:
        todo = (
            "`atoll init` makes it, or it is copied from a machine that has it; mode 600, the daemon's user."
        )
        return bad(name, error.mistakes[0], todo)
    return well(name, f"{path}, private")


def certificate(name: str, path: Path, now: datetime) -> Look:
    """A PEM file of certificates, and when the first of them ends."""
    from cryptography import x509  # the client is installed without

    try:
        ends = min(c.not_valid_after_utc for c in x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        return bad(name, f"{path}: {error}", "Name a file with certificates in PEM.")
    days = (ends - now).days
    found = f"{path}, valid for {days} days"
    if days < 0:
        return bad(name, f"{path}, ended {-days} days ago", "Put a new certificate there.")
    if days < CERTIFICATE_DAYS:
        return bad(name, found, "Renew it; restart the daemons afterwards.", fails=False)
    return well(name, found)


def look_at_port(reach: Reach) -> Look:
    """Whether the daemon could listen, or already does."""
    check, where = f"port {reach.listen_port}", f"{reach.listen_host}:{reach.listen_port}"
    try:
        address = socket.getaddrinfo(reach.listen_host, reach.listen_port, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address[4])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(check, where, reach.name)
        return bad(check, f"{where}: {error.strerror}", "listen_host is an address of this machine.")
    return well(check, f"{where} is free")


def _taken(check: str, where: str, name: str) -> Look:
    try:
        with urllib.request.urlopen(f"http://{where}/health", timeout=HEALTH_SECONDS) as answer:
            who = msgspec.json.decode(answer.read(65_536), type=dict[str, object]).get("name")
    except (urllib.error.URLError, OSError, msgspec.MsgspecError, ValueError):
        who = None
    if who == name:
        return well(check, f"{name} itself listens on {where}")
    whose = f"the daemon {who!r}" if who else "another program"
    return bad(check, f"{whose} listens on {where}", "Stop it, or choose another listen_port.")
