"""A node's threads on the core it was given, its workers on all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.settings import SettingsError
from storage_node.one_core import ANY, stay_on

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose its core")

# Prints the cores of the thread that asked, of one it starts, and of an inspection worker.
_PROGRAM = """
import os, sys, threading
from storage_node.inspection import Inspector
from storage_node.inspection_protocol import InspectionLimits
from storage_node.one_core import stay_on
from storage_node.worker_pool import PoolLimits

stay_on(int(sys.argv[1]))
print(sorted(os.sched_getaffinity(0)))
seen = []
thread = threading.Thread(target=lambda: seen.append(sorted(os.sched_getaffinity(0))))
thread.start()
thread.join()
print(seen[0])
limits = InspectionLimits(max_pixels=1, max_frames=1, max_parts=1, max_scans=1, max_frame_pixels_sum=1)
with Inspector(PoolLimits(workers=1, job_seconds=5), limits, 1 << 30, any_core=True):
    for task in os.listdir("/proc/self/task"):
        for child in open(f"/proc/self/task/{task}/children").read().split():
            print(sorted(os.sched_getaffinity(int(child))))
"""


@linux
def test_its_threads_stay_on_the_core_and_its_workers_may_go_anywhere() -> None:
    mine = sorted(os.sched_getaffinity(0))
    core = mine[-1]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(core)], capture_output=True, text=True, check=True, cwd=root
    )
    own, thread, worker = done.stdout.split("\n")[:3]
    assert own == thread == str([core])
    assert worker == str(mine)


@linux
def test_a_core_that_is_not_there_is_refused_and_named() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(SettingsError, match="core: 1023 is none of the cores"):
        stay_on(1023)
    assert os.sched_getaffinity(0) == before


def test_without_a_choice_nothing_changes() -> None:
    before = os.sched_getaffinity(0) if sys.platform == "linux" else None
    stay_on(ANY)
    assert (os.sched_getaffinity(0) if sys.platform == "linux" else None) == before
