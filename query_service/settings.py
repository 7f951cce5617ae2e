"""What an operator decides for a query service; deploy/query_service.toml shows every field."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from atoll.daemon_settings import DaemonSettings, check_nats_urls
from atoll.http_protocol import RequestLimits
from atoll.outward_settings import OutwardSettings
from atoll.settings import Bytes, SettingsError, setting
from atoll.transformation.limits import DEFAULTS, Limits


def _check_networks(values: str | tuple[str, ...]) -> None:
    for value in values:
        ipaddress.ip_network(value)


def _check_public_url(value: str | tuple[str, ...]) -> None:
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("is an address such as https://images.example.org")


def _check_addresses(values: str | tuple[str, ...]) -> None:
    for value in (values,) if isinstance(values, str) else values:
        _check_public_url(value)


@dataclass(frozen=True, kw_only=True)
class QuerySettings(OutwardSettings, DaemonSettings):
    """One query service. Times are seconds."""

    api_keys_file: Path = setting("TOML file with the API keys (only their hashes) and their scopes.")

    mongodb_url_file: Path = setting("File (mode 600) with the MongoDB URL, for its password is in it.")
    mongodb_database: str = setting("Database that holds the catalog.", default="atoll")
    mongodb_driver: str = setting("Which driver speaks to it.", default="motor", choices=("motor", "pymongo"))

    catalog_marks_days: int = setting(
        "How long the catalog remembers what was deleted, so that no late event brings it back, in days; "
        "longer than stream_max_age_hours.",
        default=90,
        low=1,
        high=3650,
    )

    indexer_help_backlog: int = setting(
        "One query service indexes for all; with more events than this waiting, all do. 0: always all.",
        default=5000,
        low=0,
        high=10_000_000,
    )
    indexer_fold_seconds: float = setting(
        "How long, while many uploads come, an upload's first event waits for those of the other regions, so "
        "that they are written together, in seconds; 0: not at all.",
        default=3.0,
        low=0,
        high=10,
    )

    redis_url_file: Path | None = setting(
        "File (mode 600) with the URL of Redis or Valkey; without it only the memory cache is used.",
        default=None,
    )
    redis_cache_seconds: int = setting(
        "How long a lookup stays in Redis after its last use, in seconds.", default=600, low=1, high=604800
    )
    memory_cache_seconds: float = setting(
        "How long a lookup is served from memory without asking again, in seconds: the longest that an old "
        "answer is given when the news of a change is lost.",
        default=30.0,
        low=0.1,
        high=3600,
    )
    memory_cache_entries: int = setting(
        "How many lookups are kept in memory (about 1 KiB each).", default=100_000, low=1
    )

    arrival_seconds: float = setting(
        "How long a request for an asset whose upload is under way, or was acknowledged but is not in the "
        "catalog yet, is held until it is there, in seconds; 0: it gets its 404 at once.",
        default=5.0,
        low=0,
        high=15,
    )
    max_arrivals_awaited: int = setting(
        "How many such requests are held at once; more get their 404 at once.",
        default=1000,
        low=1,
        high=100_000,
    )

    key_rate: int = setting(
        "How many requests a second one API key may make, over all query services together; 0: no limit.",
        default=20_000,
        low=0,
        high=1_000_000,
    )
    key_burst: int = setting(
        "How many of them at once after a pause.", default=100_000, low=1, high=10_000_000
    )
    address_rate: int = setting(
        "How many images a second (/i/…) one address may ask for; 0: no limit. IPv6 counts by /64.",
        default=1000,
        low=0,
        high=1_000_000,
    )
    address_burst: int = setting(
        "How many of them at once after a pause.", default=10_000, low=1, high=10_000_000
    )
    sign_in_rate: int = setting(
        "How many times a second one address may try to sign in to the web app; 0: no limit.",
        default=1,
        low=0,
        high=1_000_000,
    )
    sign_in_burst: int = setting(
        "How many of them at once after a pause.", default=20, low=1, high=10_000_000
    )
    session_seconds: int = setting(
        "How long a session of the web app lasts, in seconds.", default=43_200, low=60, high=2_592_000
    )
    throttle_wait_seconds: float = setting(
        "The longest that a request waits for Redis to say whether it may go on; then this instance decides "
        "by itself.",
        default=0.02,
        low=0.001,
        high=60,
    )
    history_renders: int = setting(
        "How many renditions /v1/history tells of each key, or session of its application; 0: none.",
        default=100,
        low=0,
        high=1000,
    )
    history_days: int = setting(
        "How long these are remembered after the last one, in days.", default=30, low=1, high=366
    )
    audit_days: int = setting(
        "How long the record of what administrators did is kept, in days; the oldest leave earlier when it "
        "has 64 MiB.",
        default=400,
        low=1,
        high=3650,
    )

    quota_seconds: float = setting(
        "How old the nodes' word on how full a bucket is may be at a ticket for a quota, in seconds.",
        default=5.0,
        low=0,
        high=300,
    )
    expiry_seconds: int = setting(
        "How often lifecycle rules are applied, in seconds; 0: not by this query service.",
        default=3600,
        low=0,
        high=604_800,
    )
    expiry_page: int = setting(
        "How many assets are looked at with one question to the catalog.", default=500, low=1, high=1000
    )

    ticket_seconds: int = setting(
        "How long an upload ticket is valid, in seconds.", default=900, low=10, high=86400
    )
    max_upload_bytes: Bytes = setting(
        "Largest upload a ticket allows, in bytes; a bucket or a node may allow less.",
        default=Bytes(64 * 2**20),
        low=1,
    )
    max_upload_pixels: int = setting(
        "Most pixels (width x height x frames) a ticket allows; a bucket or a node may allow less.",
        default=50_000_000,
        low=1,
    )
    max_ticket_files: int = setting(
        "Most files one ticket is good for; nodes take 1000 at most.", default=1000, low=1, high=1000
    )

    name_seconds: float = setting(
        "How long a ticket waits for the catalog's word on whether its name is taken, and where, in seconds; "
        "then it is given without.",
        default=0.25,
        low=0.01,
        high=5,
    )
    max_fetch_urls: int = setting(
        "Most URLs in one order to fetch images; nor more than max_ticket_files.",
        default=100,
        low=1,
        high=1000,
    )
    max_ticket_eager: int = setting(
        "Most eager transformations one ticket carries, beside those of its bucket.",
        default=8,
        low=0,
        high=64,
    )
    max_ticket_eager_chars: int = setting(
        "Most characters of them together: a ticket travels in a URL.", default=2000, low=0, high=3000
    )

    max_components: int = setting(
        "Most components of a transformation, as on the nodes; a bucket may allow less.",
        default=DEFAULTS.components,
        low=1,
        high=64,
    )
    max_layers: int = setting("Most layers of a transformation.", default=DEFAULTS.layers, low=0, high=16)
    max_side: int = setting(
        "Largest width or height a transformation may ask for.", default=DEFAULTS.side, low=1, high=16_383
    )

    max_json_bytes: Bytes = setting(
        "Largest JSON body taken, in bytes.", default=Bytes(2**20), low=1024, high=16 * 2**20
    )
    max_json_depth: int = setting(
        "How deep objects and lists of a JSON body may lie in each other.", default=32, low=8, high=200
    )
    max_header_bytes: int = setting(
        "Longest request line, and longest header, in bytes.", default=8190, low=1024, high=65_536
    )
    max_headers: int = setting("Most headers of a request.", default=128, low=32, high=1024)
    max_resolve_items: int = setting("Most items in one POST /v1/resolve.", default=1000, low=1, high=1000)
    max_list_items: int = setting("Most assets in one page of a listing.", default=1000, low=1, high=1000)

    max_folders: int = setting("Most folders told by GET /v1/folders.", default=500, low=1, high=10_000)
    max_folder_names: int = setting(
        "Most names of images looked at for them: beside the folders, not inside.",
        default=20_000,
        low=1,
        high=1_000_000,
    )

    job_days: int = setting(
        "How long a job can be looked at after it was made, in days.", default=7, low=1, high=365
    )
    job_silence_seconds: int = setting(
        "How long nothing may be heard of a job that has not ended, in seconds; then it has failed.",
        default=86_400,
        low=1,
        high=604_800,
    )
    max_job_assets: int = setting("Most images one job concerns.", default=10_000, low=1, high=100_000)
    max_job_transformations: int = setting(
        "Most transformations of each image in one job.", default=16, low=1, high=64
    )
    export_bytes: Bytes = setting(
        "Most bytes of images in one ZIP file of an export; more become several files.",
        default=Bytes(2**30),
        low=1,
        high=64 * 2**30,
    )
    max_event_streams: int = setting(
        "Open streams of events (jobs, the cluster) at once, of this service.",
        default=200,
        low=1,
        high=10_000,
    )
    max_event_streams_per_key: int = setting(
        "The same of one API key: a program that opens streams and leaves them takes nobody else's.",
        default=50,
        low=1,
        high=10_000,
    )
    event_heartbeat_seconds: float = setting(
        "Longest silence in a stream of events, in seconds.", default=15.0, low=0.1, high=300
    )

    monitor_urls: tuple[str, ...] = setting(
        "The monitors, as URLs that this daemon reaches: for the web app's page of the cluster; none: it "
        "shows what this service itself knows.",
        default=(),
        check=_check_addresses,
    )
    monitor_seconds: float = setting(
        "How long the monitors may take for an answer, all together, in seconds.",
        default=2.0,
        low=0.1,
        high=30,
    )

    webhook_retry_seconds: int = setting(
        "How long a webhook that fails is tried again, in seconds.", default=86_400, low=1, high=604_800
    )
    webhook_log_days: int = setting(
        "How long deliveries of webhooks are remembered, in days; longer than stream_max_age_hours, for an "
        "event that comes again must be known.",
        default=14,
        low=1,
        high=365,
    )

    signed_url_seconds: int = setting(
        "How long the URL of a private image is valid unless asked otherwise, in seconds.",
        default=3600,
        low=1,
        high=604800,
    )
    max_signed_url_seconds: int = setting(
        "The longest validity that may be asked for, in seconds.", default=604800, low=1, high=604800
    )
    derivative_url_seconds: int = setting(
        "How long the signed URL of a public bucket's derivative is valid at least, in seconds.",
        default=604800,
        low=60,
        high=31_536_000,
    )
    derivative_url_grid_seconds: int = setting(
        "The expiry of such a URL is rounded up to a multiple of this, in seconds: so long the same request "
        "gets the same URL.",
        default=86400,
        low=1,
        high=31_536_000,
    )
    redirect_seconds: int = setting(
        "How long an answer of /i/… may be cached, in seconds.", default=60, low=0, high=86400
    )
    fallback_seconds: int = setting(
        "The same when the image is missing and the answer leads to its d_ fallback.",
        default=10,
        low=0,
        high=86400,
    )
    public_url: str | None = setting(
        "How clients reach the query services, e.g. https://images.example.org: put before image_url, which "
        "without it is a path.",
        default=None,
        check=_check_public_url,
    )

    join_nats_url: str | None = setting(
        "NATS servers that a node which joins by a token is told of; none: those of this daemon.",
        default=None,
        check=check_nats_urls,
    )
    join_nats_user: str | None = setting("NATS user that it is told of.", default=None)
    join_nats_password_file: Path | None = setting(
        "File (mode 600) with the NATS password that it is told of.", default=None
    )

    trusted_proxies: tuple[str, ...] = setting(
        "Networks (CIDR) of proxies whose headers about the client are believed.",
        default=(),
        check=_check_networks,
    )
    proxy_lat_header: str | None = setting(
        "Header in which a trusted proxy gives the client's latitude in degrees.", default=None
    )
    proxy_lon_header: str | None = setting(
        "Header in which a trusted proxy gives the client's longitude in degrees.", default=None
    )
    geoip_database: Path | None = setting(
        "MaxMind DB file (.mmdb, city level) that places clients by address.", default=None
    )

    @property
    def request_limits(self) -> RequestLimits:
        """What the server reads of one request."""
        return RequestLimits(self.max_header_bytes, self.max_headers, self.max_json_depth)

    @property
    def grammar_limits(self) -> Limits:
        """How much one transformation may ask for, if its bucket does not say less."""
        return replace(DEFAULTS, components=self.max_components, layers=self.max_layers, side=self.max_side)

    def __post_init__(self) -> None:
        if self.catalog_marks_days * 24 <= self.stream_max_age_hours:
            raise SettingsError(
                ["catalog_marks_days: must be longer than stream_max_age_hours: so late do events come"]
            )
        if self.webhook_log_days * 24 <= self.stream_max_age_hours:
            raise SettingsError(
                ["webhook_log_days: must be longer than stream_max_age_hours: so late do events come"]
            )
