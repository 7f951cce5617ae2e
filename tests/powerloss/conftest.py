"""The disk that loses power, and how many cuts it gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lossy_disk import LossyDisk, what_is_missing


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LossyDisk]:
    """An empty one, mounted."""
    if (reason := what_is_missing()) is not None:
        pytest.skip(f"NO POWER-LOSS TEST WAS RUN: {reason}")
    with LossyDisk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def power_seed() -> int:
    return 1
