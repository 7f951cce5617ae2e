"""The release before this one, as its own daemons: from the newest tag that is not this commit itself.

ATOLL_PREVIOUS names another commit. Without a tag there is nothing to hold against, and tests are skipped.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import DaemonPlan
from atoll.local.process_spec import ProcessSpec

ROOT = Path(__file__).parents[2]


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def previous_release() -> str | None:
    """The commit or tag to hold against; None before the first tag, and outside of a repository."""
    if named := os.environ.get("ATOLL_PREVIOUS"):
        return named
    here = set(_git("tag", "--points-at", "HEAD").decode().split())
    tags = _git("tag", "--merged", "HEAD", "--sort=-version:refname", "v*").decode().split()
    return next((tag for tag in tags if tag not in here), None)


def unpack(release: str, directory: Path) -> Path:
    """Its source, under `directory`."""
    archive = _git("archive", "--format=tar", release)
    assert archive, f"there is no commit {release}"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")
    return directory


class MixedCluster(LocalCluster):
    """A cluster some of whose daemons run another release, until `upgrade`.

    All share the installed packages; of Atoll itself, what comes first on the path is what runs.
    """

    def __init__(self, directory: Path, source: Path, old: Collection[str], **options: Any) -> None:
        self._source, self._old = source, frozenset(old)
        super().__init__(directory, **options)

    def _spec(self, plan: DaemonPlan, settings: Path | None = None) -> ProcessSpec:
        spec = super()._spec(plan, settings)
        if plan.name not in self._old:
            return spec
        return replace(spec, env={**spec.env, "PYTHONPATH": str(self._source)}, cwd=self._source)

    async def upgrade(self, *names: str) -> None:
        """Stop these and start them again as they are now, on the data they have."""
        for name in names:
            (plan,) = [plan for plan in self.plans if plan.name == name]
            await self.daemons[name].stop()
            self._old -= {name}
            await self.drop_daemon(name)
            await self.add_daemon(plan, self.ports[name], self.paths.settings(name))
