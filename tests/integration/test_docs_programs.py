"""The programs and how-tos of the pages run as they stand there, on a new cluster, beside a folder of photos.

The how-tos come last: the last of them add a region, and lose a disk.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from client_clusters import ClusterUnderTest, picture, real_cluster
from howto_page import TRIED_ON, pages, script, write_files
from typed_command import typed_command

pytestmark = [pytest.mark.integration, pytest.mark.probe]

ROOT = Path(__file__).parents[2]
PROGRAMS = re.findall(
    r"```python\n(from atoll import Client\n.*?)```",
    (ROOT / "docs" / "command.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    with real_cluster(tmp_path_factory.mktemp("programs")) as running:
        yield running


@pytest.fixture
def folder(cluster: ClusterUnderTest, tmp_path: Path) -> Path:
    (tmp_path / ".atoll").symlink_to(cluster.directory)
    (tmp_path / "photos" / "2024").mkdir(parents=True)
    (tmp_path / "photos" / "2024" / "a.jpg").write_bytes(picture(kind="JPEG"))
    (tmp_path / "photo.jpg").write_bytes(picture(kind="JPEG"))
    return tmp_path


@pytest.fixture(scope="module")
def workshop(cluster: ClusterUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of who follows one how-to after the other."""
    here = tmp_path_factory.mktemp("workshop")
    (here / ".atoll").symlink_to(cluster.directory)
    (here / "photo.jpg").write_bytes(picture(size=(640, 480), kind="JPEG"))
    return here


def test_there_is_a_program_to_run() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_page_runs(folder: Path, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert len(list((folder / "home").rglob("a.jpg"))) == 1  # what it uploaded it exported again


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a shell finds `atoll` and Python."""
    with typed_command(tmp_path_factory.mktemp("bin")) as first:
        yield f"{first}{Path(sys.executable).parent}:{os.environ['PATH']}"


@cache  # a port that two pages name is one
def _free_port_for(written: str) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_here(page: str, cluster: ClusterUnderTest) -> str:
    """The page for this cluster: its address, and ports that nobody has."""
    text = page.replace(TRIED_ON, cluster.query_urls[0])
    for port in sorted(set(re.findall(r"\b8[05]\d\d\b", text))):
        text = re.sub(rf"\b{port}\b", str(_free_port_for(port)), text)
    return text


def _environment(cluster: ClusterUnderTest, path: str) -> dict[str, str]:
    """What the how-tos' first page exports."""
    return {
        **os.environ,
        "PATH": path,
        "ATOLL_URL": cluster.query_urls[0],
        "ATOLL_API_KEY_FILE": str(cluster.directory / "secrets" / "admin.key"),
    }


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq", "file"))), reason="no curl, jq or file here")
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_howto_runs_as_it_stands(cluster: ClusterUnderTest, workshop: Path, path: str, page: Path) -> None:
    text = _as_here(page.read_text(encoding="utf-8"), cluster)
    write_files(text, workshop)
    done = subprocess.run(
        ["bash", "-c", script(text)],
        cwd=workshop,
        env=_environment(cluster, path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
