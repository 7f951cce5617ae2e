"""The policy of growth: what its file may say, with every limit tried."""

from __future__ import annotations

import re
import shutil

import msgspec
import pytest
from import_graph import ROOT

from atoll.errors import BadRequest
from atoll.settings import SettingsError
from monitor.scale_policy import (
    DEFAULT_MAX,
    ProviderEntry,
    RegionPolicy,
    ScalePolicy,
    ShrinkPolicy,
    TriedPolicy,
    load_policy,
)

EXEC = '[provider]\nkind = "exec"\nargv = ["/bin/true"]\n'


def load(tmp_path, text):
    path = tmp_path / "scale.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_policy(path)


def test_the_sample_can_be_used(tmp_path):
    path = shutil.copy(ROOT / "deploy/scale.sample.toml", tmp_path / "scale.toml")
    path.chmod(0o600)
    policy = load_policy(path)
    assert policy is not None
    assert set(policy.region) == {"eu-central", "us-east"}


@pytest.mark.parametrize("kind", [ScalePolicy, ProviderEntry, RegionPolicy, ShrinkPolicy])
def test_the_sample_names_every_member(kind):
    text = (ROOT / "deploy/scale.sample.toml").read_text(encoding="utf-8")
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


def test_a_region_shrinks_only_if_it_says_so_and_below_half_of_where_it_grows(tmp_path):
    policy = load(
        tmp_path, EXEC + "[region.eu]\n[region.us]\ncpu_percent = 30\n[region.us.in]\ncpu_percent = 15\n"
    )
    assert policy is not None
    assert policy.region["eu"].shrink is None
    assert policy.region["us"].shrink == ShrinkPolicy(15.0, 60.0, 3600.0)


def test_a_policy_that_is_tried_has_no_provider_and_changes_nothing():
    tried = msgspec.convert({"region": {"eu": {"in": {"minutes": 1}}}, "monthly_budget": 5}, TriedPolicy)
    assert tried.policy().dry_run
    assert tried.policy().monthly_budget == 5
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"region": {}, "provider": {"kind": "exec"}}, TriedPolicy)
    with pytest.raises(BadRequest, match="min is above max"):
        TriedPolicy({"eu": RegionPolicy(min=6)}).policy()


def test_without_a_file_there_is_no_policy():
    assert load_policy(None) is None


def test_a_region_has_at_most_five_nodes_unless_it_says_otherwise(tmp_path):
    policy = load(tmp_path, EXEC + "[region.eu]\n")
    assert policy is not None
    assert policy.region["eu"].max == DEFAULT_MAX == 5
    assert policy.region["eu"].cpu_percent == 50


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[provider]\nkind = "magic"\n',
        '[provider]\nkind = "exec"\n',
        '[provider]\nkind = "exec"\nargv = ["launch"]\n',
        '[provider]\nkind = "webhook"\nurl = "https://a.example"\nsecret = "short"\n',
        '[provider]\nkind = "webhook"\nurl = "ftp://a.example"\nsecret = "long-enough-to-be-one"\n',
        '[provider]\nkind = "webhook"\nurl = "https:///launch"\nsecret = "long-enough-to-be-one"\n',
        '[provider]\nkind = "webhook"\nurl = "https://[::1/launch"\nsecret = "long-enough-to-be-one"\n',
        '[provider]\nkind = "webhook"\nurl = "https://a.example:99999/"\nsecret = "long-enough-to-be-one"\n',
        '[provider]\nkind = "local"\ndirectory = "relative"\n',
        EXEC + "[region.eu]\nmax = 0\n",
        EXEC + "[region.eu]\nmax = 101\n",
        EXEC + "[region.eu]\nmin = 6\n",
        EXEC + "[region.eu]\nfree_percent = 101\n",
        EXEC + "[region.eu]\ncpu_percent = -1\n",
        EXEC + "[region.eu]\ncpu_minutes = 1441\n",
        EXEC + "[region.eu]\ncooldown_seconds = 86401\n",
        EXEC + "[region.eu]\nmonthly_cost = -1\n",
        EXEC + "[region.EU]\n",
        EXEC + "[region.eu.in]\ncpu_percent = 0\n",
        EXEC + "[region.eu.in]\ncpu_percent = 51\n",
        EXEC + "[region.eu]\ncpu_percent = 30\n[region.eu.in]\ncpu_percent = 16\n",
        EXEC + "[region.eu.in]\nminutes = -1\n",
        EXEC + "[region.eu.in]\nminutes = 10081\n",
        EXEC + "[region.eu.in]\ncooldown_seconds = 86401\n",
        EXEC + "[region.eu.in]\nfree_percent = 50\n",
        "drain_seconds = 0\n" + EXEC,
        "drain_seconds = 604801\n" + EXEC,
        "settle_seconds = -1\n" + EXEC,
        "settle_seconds = 3601\n" + EXEC,
        EXEC + "[region.eu]\nmaximum = 3\n",
        "tries = 0\n" + EXEC,
        "tries = 21\n" + EXEC,
        "join_seconds = 0\n" + EXEC,
        "retry_seconds = 0\n" + EXEC,
        "monthly_budget = -1\n" + EXEC,
        EXEC + "timeout_seconds = 0\n",
    ],
)
def test_a_mistake_is_told_before_anything_runs(tmp_path, text):
    with pytest.raises(SettingsError):
        load(tmp_path, text)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_text(EXEC)
    path.chmod(0o644)
    with pytest.raises(SettingsError):
        load_policy(path)
