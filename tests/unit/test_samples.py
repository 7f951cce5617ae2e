"""Each sample in deploy/, of daemons and the client, names every setting, no other, and works when used."""

from __future__ import annotations

import dataclasses
import importlib
import re
import tomllib

import pytest
from import_graph import DAEMONS, ROOT

from atoll.client.settings import ClientSettings
from atoll.daemon_settings import DaemonSettings
from atoll.settings import load

SAMPLES = (*DAEMONS, "client")
CHANNELS = "channels.sample"  # no settings, but a file that one names: test_monitor_told.py loads it
SCALE = "scale.sample"  # the same: test_scale_policy.py loads it
PRICES = "prices.sample"  # the same, of `atoll report`


def settings_class(daemon):
    if daemon == "client":
        return ClientSettings
    module = importlib.import_module(f"{daemon}.settings")
    (found,) = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, DaemonSettings) and value is not DaemonSettings
    }
    return found


def sample(daemon):
    return ROOT / "deploy" / f"{daemon}.toml"


def uncommented(daemon):
    """The sample as if every `# name = value` were in force."""
    return re.sub(r"(?m)^#\s?(?=[a-z][a-z0-9_]* *=)", "", sample(daemon).read_text(encoding="utf-8"))


@pytest.mark.parametrize("daemon", SAMPLES)
def test_a_sample_names_every_setting_and_no_other(daemon):
    named = set(tomllib.loads(uncommented(daemon)))
    assert named == {field.name for field in dataclasses.fields(settings_class(daemon))}


@pytest.mark.parametrize("daemon", SAMPLES)
def test_a_sample_is_usable_as_it_is(daemon):
    load(settings_class(daemon), sample(daemon), {})


@pytest.mark.parametrize("daemon", SAMPLES)
def test_every_line_of_a_sample_is_usable(daemon, tmp_path):
    (tmp_path / "all.toml").write_text(uncommented(daemon), encoding="utf-8")
    load(settings_class(daemon), tmp_path / "all.toml", {})


def test_there_is_no_other_sample():
    assert {file.stem for file in (ROOT / "deploy").glob("*.toml")} == {*SAMPLES, CHANNELS, SCALE, PRICES}


@pytest.mark.parametrize("daemon", SAMPLES)
def test_a_sample_holds_no_secret(daemon):
    for name in tomllib.loads(uncommented(daemon)):
        assert not re.search(r"(password|secret|token|(?<!_per_)key)s?$", name), (
            f"{name}: secrets lie in files of their own"
        )
