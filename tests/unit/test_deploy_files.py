"""Everything in deploy/ is what its own tool takes, where the tool is there, and agrees with the code."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from import_graph import DAEMONS, ROOT
from nats_regions import PASSWORDS, write_certificates
from test_samples import settings_class

from atoll.cli.init_secrets import REDIS_COMMANDS, first_secrets, redis_acl
from atoll.cli.preflight_engines import MONGODB_ACTIONS
from atoll.local import binaries

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "docker-compose.yml"
YAML = sorted([*DEPLOY.rglob("*.yml"), *DEPLOY.rglob("*.yaml"), DEPLOY / "mongodb" / "mongod.conf"])
NATS = sorted((DEPLOY / "nats").rglob("*.conf"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def documents(path):
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def checked(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def sample_environment(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("path", NATS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_nats_takes_each_file_with_the_environment_of_its_sample(path, tmp_path):
    samples = DEPLOY / "nats" / "regions" / "region.env.sample", DEPLOY / "nats" / "one-cluster.env.sample"
    environment = {**sample_environment(samples[path.parent.name != "regions"]), **PASSWORDS}
    environment |= {"NATS_STORE": str(tmp_path / "store"), **write_certificates(tmp_path)}
    checked(binaries.nats_server(), "-t", "--config", str(path), env=environment)
    environment.pop("NATS_PASSWORD")
    with pytest.raises(AssertionError, match="NATS_PASSWORD"):
        checked(binaries.nats_server(), "-t", "--config", str(path), env=environment)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_units(tmp_path):
    for unit in (*UNITS, DEPLOY / "systemd" / "atoll.target"):
        text = unit.read_text().replace("/opt/atoll/bin/python", sys.executable)
        text = text.replace("/opt/atoll-nats/bin/nats-server", binaries.nats_server())
        (tmp_path / unit.name.replace("@.", "@one-server.")).write_text(text)
    said = checked("systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir())))
    assert [line for line in said.splitlines() if str(tmp_path) in line or "atoll" in line] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_shut_in_stops_in_order_and_starts_the_daemon_it_is_named_for(unit):
    text = unit.read_text()
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "PrivateTmp=yes"):
        assert f"\n{line}\n" in text, line
    (stop,) = re.findall(r"TimeoutStopSec=(\d+)s", text)
    assert int(stop) >= 60  # longer than drain_seconds, or systemd would cut requests off
    if "@" not in unit.name:
        daemon = unit.stem.removeprefix("atoll-").replace("-", "_")
        assert daemon in DAEMONS
        assert f"-m {daemon} --settings /etc/atoll/{daemon}.toml\n" in text


def test_nats_is_told_of_no_file_that_it_may_not_read():
    """`atoll init` makes /etc/atoll for the daemons' user alone; environments are read by systemd itself."""
    unit = DEPLOY / "systemd" / "atoll-nats@.service"
    samples = sorted((DEPLOY / "nats").rglob("*.env.sample"))
    told = [line for line in unit.read_text().splitlines() if line.startswith("Exec")]
    told += [f"{name}={value}" for sample in samples for name, value in sample_environment(sample).items()]
    assert "User=atoll-nats" in unit.read_text()
    assert [line for line in told if "/etc/atoll/" in line] == []


def test_an_engine_is_given_no_password_of_another_one():
    """All of them stand in one file, engines.env."""
    written = {line.partition("=")[0] for line in engines_env().splitlines()}
    unit = (DEPLOY / "systemd" / "atoll-nats@.service").read_text()
    (unset,) = re.findall(r"(?m)^UnsetEnvironment=(.*)", unit)
    assert written - set(unset.split()) == {"NATS_PASSWORD"}
    (found,) = documents(COMPOSE)
    for name, its_own in (("nats", "NATS_"), ("mongodb", "MONGODB_")):
        emptied = {key for key, value in found["services"][name]["environment"].items() if value == ""}
        assert emptied == {key for key in written if not key.startswith(its_own)}


def engines_env():
    made = first_secrets(Path("/etc/atoll"), "redis", "mongodb", None, lambda: "s" * 43)
    return next(file.text for file in made if file.path.name == "engines.env")


@pytest.mark.parametrize("daemon", DAEMONS)
def test_settings_that_are_not_usable_are_tried_once(daemon, tmp_path):
    """systemd goes by how the daemon itself ends, never by what was run before it."""
    text = (DEPLOY / "systemd" / f"atoll-{daemon.replace('_', '-')}.service").read_text()
    assert "\nRestartPreventExitStatus=2\n" in text
    assert "\nExecStartPre=" not in text
    (tmp_path / "wrong.toml").write_text("nothing = true\n")
    argv = [sys.executable, "-m", daemon, "--settings", str(tmp_path / "wrong.toml")]
    assert subprocess.run(argv, capture_output=True, cwd=ROOT, timeout=60, check=False).returncode == 2


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_yaml_is_yaml(path):
    assert documents(path)


def test_every_service_of_the_compose_file_is_pinned_watched_and_restarted():
    (found,) = documents(COMPOSE)
    for name, service in found["services"].items():
        assert re.search(r":[\w.-]+$", service["image"]), name
        assert not service["image"].endswith(":latest"), name
        assert "no-new-privileges:true" in service["security_opt"], name
        if name != "init":
            assert service["restart"] == "unless-stopped", name
            assert "healthcheck" in service, name


def test_the_compose_files_first_command_is_one_that_there_is(tmp_path):
    from atoll.cli.__main__ import main

    (found,) = documents(COMPOSE)
    words = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word) for word in found["services"]["init"]["command"]]
    words = [word for word in words[1:] if not word.startswith("--owner")]
    assert main([*words, f"--to={tmp_path / 'etc'}", "--dry-run"]) == 0


def test_the_node_of_the_compose_file_is_reached_from_its_network_as_from_the_machine():
    """By its public_url alone: replicator, query service and monitor go there as clients do."""
    (found,) = documents(COMPOSE)
    words = " ".join(found["services"]["init"]["command"])
    (url,) = re.findall(r"--public-url=\$\{\w+:-(.*?)\}", words)
    node = found["services"]["node"]
    assert urlsplit(url).hostname in node["networks"]["default"]["aliases"]
    assert urlsplit(url).hostname.endswith(".localhost"), "this machine, for its browsers and curl"
    assert f"127.0.0.1:{urlsplit(url).port}:{urlsplit(url).port}" in node["ports"]


def test_mounted_files_of_the_compose_file_are_there():
    (found,) = documents(COMPOSE)
    for service in found["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("../"):
                assert (COMPOSE.parent / source).is_file(), source


def has_compose():
    docker = shutil.which("docker")
    return (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not has_compose(), reason="no docker compose here")
def test_docker_compose_takes_the_file():
    checked("docker", "compose", "--file", str(COMPOSE), "--profile", "init", "config", "--quiet")


def containers():
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in documents(path):
            if document["kind"] in {"StatefulSet", "Deployment"}:
                for container in document["spec"]["template"]["spec"]["containers"]:
                    yield pytest.param(container, id=f"{path.name}: {container['name']}")


@pytest.mark.parametrize("container", list(containers()))
def test_a_container_of_kubernetes_sets_what_its_daemon_needs_and_nothing_unknown(container):
    daemon = container["command"][-1]
    fields = {field.name: field for field in dataclasses.fields(settings_class(daemon))}
    given = {entry["name"] for entry in container["env"]}
    if "envFrom" in container:
        (region,) = [d for d in documents(DEPLOY / "kubernetes" / "node.yaml") if d["kind"] == "ConfigMap"]
        given |= region["data"].keys()
    named = {name.removeprefix("ATOLL_").lower() for name in given if name.startswith("ATOLL_")}
    assert named <= fields.keys()
    assert {n for n, f in fields.items() if f.default is dataclasses.MISSING} <= named
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_two_pods_of_one_region_are_never_in_one_set():
    """A set whose members stand in one region is no copy: the set follows from the pod's number."""
    (stateful,) = [d for d in documents(DEPLOY / "kubernetes" / "node.yaml") if d["kind"] == "StatefulSet"]
    (node, _) = stateful["spec"]["template"]["spec"]["containers"]
    names = [entry["name"] for entry in node["env"]]
    given = {entry["name"]: entry for entry in node["env"]}
    assert "pod-index" in given["POD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert "$(POD_INDEX)" in given["ATOLL_SET"]["value"]
    assert names.index("POD_INDEX") < names.index("ATOLL_SET"), "what comes later is not replaced"


def test_the_first_boot_script_is_a_script():
    (found,) = documents(DEPLOY / "cloud-init" / "node.yaml")
    (script,) = [file["content"] for file in found["write_files"] if file["path"].startswith("/usr/local")]
    checked("bash", "-n", input=script)
    placeholders = set(re.findall(r"\$\{(\w+)\}", (DEPLOY / "cloud-init" / "node.yaml").read_text()))
    given = (DEPLOY / "terraform" / "hetzner" / "main.tf").read_text()
    assert placeholders == set(
        re.findall(r"(?m)^    (\w+) += ", given.partition("templatefile(")[2].partition("})")[0])
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the commands are those of GNU")
@pytest.mark.parametrize("first", ["docs/deploy.md", "deploy/cloud-init/node.yaml"])
def test_the_release_of_an_upgrade_takes_the_place_of_the_one_that_was_put_up(first, tmp_path):
    """The commands of both pages, with a directory where they make an installation."""
    for page in (first, "docs/upgrade.md"):
        lines = (ROOT / page).read_text().replace("/opt/", f"{tmp_path}/").splitlines()
        commands = [line.strip().removeprefix("$ ") for line in lines]
        made = "python3 -m venv", "ln -s", "version="
        steps = [re.sub(r"\s+&& .*|\s+#.*", "", command) for command in commands if command.startswith(made)]
        script = "\n".join(steps).replace("python3 -m venv", "mkdir")
        checked("bash", "-euc", script, cwd=ROOT)
    assert (tmp_path / "atoll").resolve() == tmp_path / "atoll-1.3"
    assert checked("bash", "-c", f"ls {tmp_path / 'atoll'}/") == "", "no link within the old one"


def test_every_package_is_installed():
    """A checkout runs with what its list forgets; containers and machines, which install it, do not."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    modules = [path for package in ("atoll", *DAEMONS) for path in (ROOT / package).rglob("*.py")]
    assert set(listed) == {".".join(path.parent.relative_to(ROOT).parts) for path in modules}


@pytest.mark.skipif(not shutil.which("envsubst"), reason="no envsubst here")
def test_filled_in_by_hand_the_first_boot_script_keeps_its_own_variables(tmp_path):
    """The command of deploy/README.md; envsubst that is not told which ones empties all the others."""
    template = DEPLOY / "cloud-init" / "node.yaml"
    names = set(re.findall(r"\$\{(\w+)\}", template.read_text()))
    (command,) = re.findall(
        r"(?m)^(envsubst .*) < node\.yaml > user-data$", (DEPLOY / "README.md").read_text()
    )
    environment = {"PATH": os.environ["PATH"], **{name: f"the-{name}" for name in names}}
    with template.open() as opened:
        made = checked("bash", "-c", command, stdin=opened, env=environment)
    expected = template.read_text()
    for name in names:
        expected = expected.replace(f"${{{name}}}", f"the-{name}")
    assert made == expected


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform here")
def test_terraform_can_read_its_files():
    checked("terraform", "fmt", "-check", "-recursive", str(DEPLOY / "terraform"))


def test_mongodb_grants_what_preflight_asks_for_and_no_more():
    text = (DEPLOY / "mongodb" / "users.js").read_text()
    (granted,) = re.findall(r"actions: \[(.*?)\]", text)
    assert set(re.findall(r'"(\w+)"', granted)) == MONGODB_ACTIONS


def test_the_sample_of_redis_rights_is_what_init_writes():
    sample = (DEPLOY / "valkey" / "users.acl.sample").read_text()
    written = redis_acl("x").splitlines()[1]
    assert re.sub("#[0-9a-f]{64}", "#SHA256-OF-THE-PASSWORD-IN-HEX", written) in sample.splitlines()
    assert len(set(REDIS_COMMANDS)) == len(REDIS_COMMANDS)


def test_redis_grants_every_command_that_a_query_service_sends():
    """Those in a script, and those whose tuple is sent: in the modules that have to do with Redis."""
    modules = [path.read_text() for path in sorted((ROOT / "query_service").glob("*.py"))]
    text = "\n".join(module for module in modules if "redis" in module and "web.Request" not in module)
    sent = set(re.findall(r"redis\.call\('([A-Z]+)'", text)) | set(re.findall(r'\("([A-Z]{3,})", ', text))
    assert {"HGETALL", "ZADD", "SET"} <= sent
    assert {word.lower() for word in sent} <= set(REDIS_COMMANDS)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool_takes_the_configuration():
    checked("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
