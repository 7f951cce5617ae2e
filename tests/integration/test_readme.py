"""What the first page and the tour promise is typed here as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_clusters import ClusterUnderTest, picture, real_cluster
from PIL import Image

pytestmark = [pytest.mark.integration, pytest.mark.probe]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
TOURS_SERVICE = "http://127.0.0.1:8400"


@pytest.fixture(scope="module")
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """What `make up` runs for somebody who has done nothing with it yet."""
    with real_cluster(tmp_path_factory.mktemp("new-cluster")) as cluster:
        yield cluster


@pytest.fixture
def folder_of_a_new_user(new_cluster: ClusterUnderTest, tmp_path: Path) -> Path:
    """A directory with a photo, beside that cluster."""
    (tmp_path / ".atoll").symlink_to(new_cluster.directory)
    (tmp_path / "photo.jpg").write_bytes(picture(kind="JPEG"))
    return tmp_path


def run(argv: list[str], folder: Path) -> str:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


def test_the_program_runs(folder_of_a_new_user: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (line,) = run([sys.executable, "-c", program], folder_of_a_new_user).splitlines()
    uploaded, nearby = line.split()
    assert uploaded.partition("/images/")[2] == nearby.partition("/images/")[2]


def test_the_commands_run_in_their_order(folder_of_a_new_user: Path) -> None:
    lines = re.findall(r"^\$ (atoll [^#\n]*)", README, re.MULTILINE)
    verbs = [shlex.split(line)[1] for line in lines]
    assert verbs == ["upload", "ls", "url", "locations", "get", "get", "verify", "status"]
    asset_id = ""
    for line in lines:
        words = [asset_id if word == "ID" else word for word in shlex.split(line)]
        out = run([sys.executable, "-m", "atoll.cli", *words[1:]], folder_of_a_new_user)
        asset_id = asset_id or out.split()[0]
    copy = folder_of_a_new_user / "copy.jpg"
    assert copy.read_bytes() == (folder_of_a_new_user / "photo.jpg").read_bytes()
    assert size_and_format(folder_of_a_new_user / "small.jpg") == ((200, 200), "JPEG")


def test_the_request_by_curl_is_answered(new_cluster: ClusterUnderTest, folder_of_a_new_user: Path) -> None:
    key, request = re.findall(r"^\$ (KEY=.*|curl .*)", README, re.MULTILINE)
    text = f"{key}\n{request}".replace(TOURS_SERVICE, new_cluster.query_urls[0])
    assert '"asset_id":' in run(["bash", "-c", text], folder_of_a_new_user)


def test_every_verb_of_make_is_there() -> None:
    told = set(re.findall(r"\bmake ([a-z]+)", README)) - {"sure"}
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert told <= made


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert os.path.exists(ROOT / target), target


def test_the_tour_is_gone_from_its_begin_to_its_end(
    new_cluster: ClusterUnderTest, folder_of_a_new_user: Path
) -> None:
    here = folder_of_a_new_user
    (here / "atoll").symlink_to(ROOT / "atoll")
    (here / ".venv").symlink_to(sys.prefix)
    cluster, *typed = re.findall(r"^\$ (.*)", TOUR, re.MULTILINE)
    assert cluster == "make up"  # it is up
    text = "\n".join(["set -e", *typed]).replace(TOURS_SERVICE, new_cluster.query_urls[0])
    said = run(["bash", "-c", text], here)
    assert (here / "copy.jpg").read_bytes() == (here / "photo.jpg").read_bytes()
    assert size_and_format(here / "small.webp") == ((200, 200), "WEBP")
    assert size_and_format(here / "card.jpg") == ((300, 200), "JPEG")
    assert said.count("\theld\t") >= 3
    assert said.count("in the trash") == 3
    assert (here / "atoll-report.html").exists()


def size_and_format(file: Path) -> tuple[tuple[int, int], str | None]:
    with Image.open(file) as image:
        return image.size, image.format
