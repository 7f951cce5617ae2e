"""The settings of a node's processor: tasks of jobs, and images that are fetched by URL."""

from __future__ import annotations

from dataclasses import dataclass

from atoll.outward_settings import OutwardSettings
from atoll.settings import Bytes, setting


@dataclass(frozen=True, kw_only=True)
class JobSettings(OutwardSettings):
    """Mixed into the node's settings."""

    fetch_redirects: int = setting(
        "Most redirects that are followed when an image is fetched by URL.", default=3, low=0, high=10
    )
    fetch_seconds: float = setting(
        "Longest time for fetching one image by URL, redirects included.", default=60.0, low=0.1, high=3600
    )
    exports_bytes: Bytes = setting(
        "Disk space for exported files that wait to be downloaded, all together.",
        default=Bytes(10 * 2**30),
        low=1,
    )
    job_workers: int = setting(
        "Tasks of jobs (bulk transformations, exports, fetches) done here at once. 0: none is taken.",
        default=2,
        low=0,
        high=64,
    )
    job_tries: int = setting(
        "How often a task is tried before it is parked, tries that ended this node included.",
        default=5,
        low=1,
        high=100,
    )
    job_retry_seconds: float = setting(
        "The first pause between two tries; each further one is twice as long, up to 300 s.",
        default=2.0,
        low=0.05,
        high=300,
    )
    job_seconds: float = setting("Longest time for one try of a task.", default=900.0, low=1, high=86_400)
