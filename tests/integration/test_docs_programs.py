"""The programs of the pages run as they stand there, on a new cluster, beside a folder of photos."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_clusters import ClusterUnderTest, picture, real_cluster

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


def test_there_is_a_program_to_run() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_page_runs(folder: Path, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert len(list((folder / "home").rglob("a.jpg"))) == 1  # what it uploaded it exported again
