"""`atoll init`: what it writes is private, whole and usable; what is there already is never touched."""

from __future__ import annotations

import hashlib
import json
import stat
import tomllib

import pytest
from import_graph import ROOT
from test_samples import settings_class

from atoll.api_keys import load_api_keys
from atoll.cli.__main__ import main
from atoll.settings import load, read_secret

MACHINE = (
    "init",
    "machine",
    "--region=eu-central",
    "--lat=50.11",
    "--lon=8.68",
    "--public-url=http://n.test",
)
DAEMONS = ("storage_node", "replicator", "query_service", "monitor")


def init(directory, *words):
    return main([*(words or MACHINE), f"--to={directory / 'etc'}", f"--data={directory / 'data'}"])


def test_a_machine_gets_settings_that_each_daemon_takes(tmp_path):
    assert init(tmp_path) == 0
    names = set()
    for daemon in DAEMONS:
        found = load(settings_class(daemon), tmp_path / "etc" / f"{daemon}.toml", {})
        assert found.state_dir.parent == tmp_path / "data"
        read_secret(found.cluster_secret_file)
        read_secret(found.nats_password_file, 1)
        names.add(found.name)
    assert len(names) == len(DAEMONS)


def test_secrets_are_private_random_and_never_shown(tmp_path, capsys):
    assert init(tmp_path) == 0
    said = "".join(capsys.readouterr())
    etc = tmp_path / "etc"
    assert stat.S_IMODE(etc.stat().st_mode) == 0o700
    secrets = {
        name: (etc / name).read_text().strip() for name in ("cluster.secret", "admin.key", "nats.password")
    }
    for file in etc.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == (0o644 if file.name == "valkey.acl" else 0o600), file.name
    assert len(set(secrets.values())) == 3
    assert all(len(secret) > 40 and secret not in said for secret in secrets.values())


def test_the_administrators_key_is_the_one_whose_hash_the_services_have(tmp_path):
    init(tmp_path)
    key = (tmp_path / "etc" / "admin.key").read_text().strip()
    text = (tmp_path / "etc" / "api_keys.toml").read_text()
    assert tomllib.loads(text)["key"][0]["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    load_api_keys(tmp_path / "etc" / "api_keys.toml")


def test_what_is_there_is_never_overwritten_and_then_nothing_is_written(tmp_path, capsys):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "monitor.toml").write_text("mine")
    assert init(tmp_path) == 2
    assert "monitor.toml" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "etc").iterdir()] == ["monitor.toml"]
    assert (tmp_path / "etc" / "monitor.toml").read_text() == "mine"


def test_what_it_says_to_start_starts_with_the_machine_as_well(tmp_path, capsys):
    """Units are wanted by atoll.target alone: enabled without it they were away after a reboot."""
    units = (ROOT / "deploy" / "systemd").glob("atoll-*.service")
    assert {unit.name for unit in units if "WantedBy=atoll.target\n" not in unit.read_text()} == {
        "atoll-nats@.service"
    }
    init(tmp_path)
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "systemctl" in line]
    assert "enable --now atoll.target atoll-storage-node " in said


def test_a_link_that_leads_nowhere_counts_as_there(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "cluster.secret").symlink_to(tmp_path / "elsewhere")
    assert init(tmp_path) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_dry_run_tells_all_and_writes_nothing(tmp_path, capsys):
    assert init(tmp_path, *MACHINE, "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["written"]
    assert {"cluster.secret", "storage_node.toml"} <= {
        file["path"].rpartition("/")[2] for file in told["files"]
    }
    assert not (tmp_path / "etc").exists()


def test_a_node_of_a_cluster_makes_no_secret_and_says_what_to_bring(tmp_path, capsys):
    words = ("init", "node", "--region=us-east", "--public-url=http://n.test", "--nats-replicas=3")
    domains = ("--map-domain=eu-central", "--region-domain=us-east")
    assert init(tmp_path, *words, *domains, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [file["path"].rpartition("/")[2] for file in told["missing"]] == [
        "cluster.secret",
        "nats.password",
    ]
    assert told["daemons"] == ["storage_node", "replicator"]
    found = load(settings_class("storage_node"), tmp_path / "etc" / "storage_node.toml", {})
    assert (found.nats_map_domain, found.nats_region_domain, found.nats_replicas) == (
        "eu-central",
        "us-east",
        3,
    )
    assert sorted(file.name for file in (tmp_path / "etc").iterdir()) == [
        "replicator.toml",
        "storage_node.toml",
    ]


def test_the_secret_of_the_cluster_can_be_brought_at_once(tmp_path):
    secret = tmp_path / "brought"
    secret.write_text("b" * 43)
    secret.chmod(0o600)
    words = ("init", "query", "--region=us-east", f"--secret-file={secret}")
    assert init(tmp_path, *words) == 0
    assert read_secret(tmp_path / "etc" / "cluster.secret") == b"b" * 43


@pytest.mark.parametrize(
    "words",
    [
        ("init", "machine", "--region=eu", "--public-url=http://n.test"),
        ("init", "node", "--region=eu"),
        ("init", "node", "--region=eu", "--public-url=n.test"),
        ("init", "node", "--region=EU", "--public-url=http://n.test"),
        ("init", "node", "--region=eu", "--public-url=http://n.test", "--nats-url=n:4222"),
        ("init", "node", "--region=eu", "--public-url=http://n.test", "--lat=91", "--lon=0"),
        ("init", "node", "--region=eu", "--public-url=http://n.test", "--owner=nobody-of-this-name"),
    ],
)
def test_what_a_daemon_would_refuse_is_refused_before_anything_is_written(words, tmp_path):
    assert init(tmp_path, *words) == 2
    assert not (tmp_path / "etc").exists()
