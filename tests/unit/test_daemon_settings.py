"""The settings that every daemon has."""

from __future__ import annotations

import pytest

from atoll.daemon_settings import DaemonSettings
from atoll.settings import SettingsError, load

ENOUGH = {
    "ATOLL_NAME": "eu-1",
    "ATOLL_REGION": "eu",
    "ATOLL_LISTEN_PORT": "8400",
    "ATOLL_CLUSTER_SECRET_FILE": "/secret",
    "ATOLL_STATE_DIR": "/state",
    "ATOLL_NATS_URL": "nats://127.0.0.1",
}


def test_what_every_daemon_must_be_told_is_enough():
    settings = load(DaemonSettings, None, ENOUGH)
    assert settings.listen_host == "127.0.0.1"  # nothing is open by default
    assert settings.metrics_allow == ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize("name", sorted(ENOUGH))
def test_nothing_of_it_has_a_default(name):
    with pytest.raises(SettingsError, match="is missing"):
        load(DaemonSettings, None, {k: v for k, v in ENOUGH.items() if k != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAME", "Eu 1"),
        ("NAME", "a.b"),
        ("REGION", "heartbeat"),
        ("REGION", "*"),
        ("LISTEN_PORT", "0"),
        ("LISTEN_PORT", "65536"),
        ("METRICS_ALLOW", "everybody"),
        ("METRICS_ALLOW", "10.0.0.1/8"),
        ("METRICS_ALLOW", "127.0.0.1/32,nonsense"),
        ("NATS_URL", "127.0.0.1:4222"),
        ("NATS_URL", "http://127.0.0.1"),
        ("NATS_URL", "nats://[::1"),
        ("NATS_URL", "nats://a:4222,"),
        ("NATS_URL", "nats://a:99999"),
        ("LOG_LEVEL", "LOUD"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "nan"),
    ],
)
def test_a_wrong_value_is_a_mistake_that_names_the_setting(name, value):
    with pytest.raises(SettingsError) as refused:
        load(DaemonSettings, None, ENOUGH | {f"ATOLL_{name}": value})
    (mistake,) = refused.value.mistakes
    assert mistake.startswith(name.lower() + ":")


def test_the_password_in_a_url_is_not_shown():
    with pytest.raises(SettingsError) as refused:
        load(DaemonSettings, None, ENOUGH | {"ATOLL_NATS_URL": "nats://me:hunter@2@a:99999"})
    assert "hunter" not in str(refused.value)
    assert "nats://…@a:99999" in str(refused.value)


@pytest.mark.parametrize("url", ["nats://a", "nats://u:p@a:1, tls://b:2", "ws://[::1]:8080"])
def test_urls_of_every_kind_are_taken(url):
    assert load(DaemonSettings, None, ENOUGH | {"ATOLL_NATS_URL": url}).nats_url == url
