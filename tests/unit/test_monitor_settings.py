"""The monitor's settings contradict themselves nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.settings import SettingsError, load
from monitor.limits import Limits
from monitor.settings import MonitorSettings

ENOUGH = {
    "ATOLL_NAME": "monitor-1",
    "ATOLL_REGION": "eu",
    "ATOLL_LISTEN_PORT": "8400",
    "ATOLL_CLUSTER_SECRET_FILE": "/secret",
    "ATOLL_API_KEYS_FILE": "/keys",
    "ATOLL_STATE_DIR": "/state",
    "ATOLL_NATS_URL": "nats://127.0.0.1",
}


def test_the_thresholds_are_80_and_92_percent_and_14_and_3_days_unless_told():
    assert load(MonitorSettings, None, ENOUGH).limits == Limits(0.8, 0.92, 0.03, 14, 3)


@pytest.mark.parametrize(
    ("changes", "mistakes"),
    [
        ({"ATOLL_WARNING_PERCENT": "92"}, ["critical_percent: must be above"]),
        ({"ATOLL_FORECAST_CRITICAL_DAYS": "14"}, ["forecast_critical_days: must be below"]),
        ({"ATOLL_WARNING_PERCENT": "5", "ATOLL_CLEAR_POINTS": "5"}, ["clear_points: must be below"]),
        (
            {"ATOLL_WARNING_PERCENT": "5", "ATOLL_CRITICAL_PERCENT": "4", "ATOLL_CLEAR_POINTS": "9"},
            ["critical_percent: must be above", "clear_points: must be below"],
        ),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(changes, mistakes):
    with pytest.raises(SettingsError) as refused:
        load(MonitorSettings, None, ENOUGH | changes)
    assert len(refused.value.mistakes) == len(mistakes)
    for mistake in mistakes:
        assert mistake in str(refused.value)


def test_it_refuses_to_start_without_api_keys_or_a_cluster_secret():
    bare = {k: v for k, v in ENOUGH.items() if not k.endswith("_FILE")}
    with pytest.raises(SettingsError) as refused:
        load(MonitorSettings, None, bare)
    assert {m.split(":")[0] for m in refused.value.mistakes} == {"cluster_secret_file", "api_keys_file"}


def test_a_file_and_the_environment_together_are_enough(tmp_path: Path):
    (tmp_path / "monitor.toml").write_text("warning_percent = 70\ncritical_percent = 85.5\n")
    assert load(MonitorSettings, tmp_path / "monitor.toml", ENOUGH).limits == Limits(0.7, 0.855, 0.03, 14, 3)
