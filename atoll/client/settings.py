"""Where the client's cluster is and who it is there: from a TOML file and `ATOLL_*` variables.

Read by the `atoll` command, and by programs that want the same behaviour; `AsyncClient` itself takes plain
arguments and reads no environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from atoll import names
from atoll.settings import SettingsError, setting


def check_url(value: str) -> None:
    """ValueError unless `value` is an http(s) address without credentials, query or fragment."""
    url = URL(value)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must be an address such as https://images.example.com")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("must be an address without user, password, query or fragment")


def _check_urls(values: Iterable[str]) -> None:
    for value in values:
        check_url(value)


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of the client and of the `atoll` command."""

    url: tuple[str, ...] = setting(
        "Query services, separated by commas: https://a.example,https://b.example.",
        default=(),
        check=_check_urls,
    )
    api_key_file: Path | None = setting("File (mode 600) with the API key.", default=None)
    bucket: str | None = setting(
        "The bucket meant when none is named; unless given, the cluster's only one.",
        default=None,
        check=names.check_bucket,
    )
    monitor_url: str | None = setting("The monitor, for `atoll status`.", default=None, check=check_url)
    region: str | None = setting("The region this client is in.", default=None, check=names.check_region)
    lat: float | None = setting("Where this client is: latitude, degrees.", default=None, low=-90, high=90)
    lon: float | None = setting("Where this client is: longitude, degrees.", default=None, low=-180, high=180)
    tls_ca_file: Path | None = setting("CA certificate, when the cluster has its own.", default=None)
    state_dir: Path | None = setting(
        "Directory for upload journals and hashes of local files; ~/.local/state/atoll unless given.",
        default=None,
    )
    patience_seconds: float = setting(
        "How long a query is repeated while no query service answers.", default=5.0, low=0, high=600
    )

    def __post_init__(self) -> None:
        if (self.lat is None) != (self.lon is None):
            raise SettingsError(["lat and lon come together: one of them is missing"])
