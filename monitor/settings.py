"""The settings of the monitor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atoll import names
from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, setting
from monitor.limits import Damping, Limits


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(DaemonSettings):
    """What the monitor needs beyond what every daemon has."""

    api_keys_file: Path = setting("TOML file with the API keys (hashed) that may read /v1.")
    warning_percent: float = setting(
        "A node or set that is this full, in percent, raises a warning.", default=80.0, low=1, high=100
    )
    critical_percent: float = setting(
        "A node or set that is this full, in percent, is critical; above warning_percent.",
        default=92.0,
        low=1,
        high=100,
    )
    clear_points: float = setting(
        "An alert goes only when use has fallen this many percentage points below its threshold.",
        default=3.0,
        low=0,
        high=50,
    )
    evaluate_seconds: float = setting(
        "Time between two looks at states and thresholds.", default=1.0, low=0.05, high=60
    )
    service_urls: tuple[str, ...] = setting(
        "Query services and replicators whose /health is asked, as URLs; none: they are not watched.",
        default=(),
    )
    engine_seconds: float = setting(
        "Time between two questions to JetStream and to each service_urls.", default=5.0, low=0.1, high=300
    )
    forecast_warning_days: float = setting(
        "A node, set or region that will be full in less than this many days raises a warning.",
        default=14.0,
        low=0,
        high=3650,
    )
    forecast_critical_days: float = setting(
        "In less than this many days it is critical; below forecast_warning_days.",
        default=3.0,
        low=0,
        high=3650,
    )
    forecast_sample_seconds: float = setting(
        "Time between two points of the history that forecasts are made from.",
        default=60.0,
        low=0.2,
        high=3600,
    )
    flap_changes: int = setting(
        "What changes this often within flap_seconds keeps its worst state until calm.",
        default=5,
        low=2,
        high=30,
    )
    flap_seconds: float = setting("The time those changes are counted in.", default=600.0, low=1, high=86_400)
    flap_calm_seconds: float = setting(
        "How long it must then be quiet, in seconds.", default=300.0, low=0, high=86_400
    )
    alert_channels_file: Path | None = setting(
        "TOML file (mode 600) with the channels that alerts go to; none: the log and NATS only.", default=None
    )
    alert_group_seconds: float = setting(
        "How long an alert waits for others to go with it in one message.", default=5.0, low=0, high=600
    )
    deadman_url_file: Path | None = setting(
        "File (mode 600) with a URL that is asked while all is watched: a dead-man's switch.", default=None
    )
    deadman_seconds: float = setting("Time between two requests to it.", default=60.0, low=1, high=3600)
    canary_urls: tuple[str, ...] = setting(
        "Query services that canaries are flown through; none: no canaries.", default=()
    )
    canary_key_file: Path | None = setting(
        "API key of the canaries (read, write, delete); none: the monitor makes one, for its bucket alone.",
        default=None,
    )
    canary_bucket: str = setting("The canaries' bucket.", default="atoll-canary", check=names.check_bucket)
    canary_seconds: float = setting("Time between two rounds of canaries.", default=60.0, low=1, high=86_400)
    canary_patience_seconds: float = setting(
        "How long a canary may take into a region and back.", default=20.0, low=1, high=600
    )

    scale_policy_file: Path | None = setting(
        "TOML file (mode 600) that says when regions grow and who starts machines; none: they grow by hand.",
        default=None,
    )
    scale_seconds: float = setting(
        "Time between two looks at whether to grow.", default=5.0, low=0.1, high=3600
    )

    def __post_init__(self) -> None:
        mistakes = []
        if self.critical_percent <= self.warning_percent:
            mistakes.append("critical_percent: must be above warning_percent")
        if self.clear_points >= self.warning_percent:
            mistakes.append("clear_points: must be below warning_percent, or no warning would ever clear")
        if self.forecast_critical_days >= self.forecast_warning_days:
            mistakes.append("forecast_critical_days: must be below forecast_warning_days")
        if mistakes:
            raise SettingsError(mistakes)

    @property
    def canary_round_seconds(self) -> float:
        """How long a round of canaries may take: what is older than some of them was not looked for."""
        return self.canary_seconds + self.canary_patience_seconds

    @property
    def limits(self) -> Limits:
        """The operator's thresholds as the table of rules wants them."""
        return Limits(
            round(self.warning_percent / 100, 6),
            round(self.critical_percent / 100, 6),
            round(self.clear_points / 100, 6),
            self.forecast_warning_days,
            self.forecast_critical_days,
        )

    @property
    def damping(self) -> Damping:
        """When something counts as flapping."""
        return Damping(self.flap_changes, self.flap_seconds, self.flap_calm_seconds)
