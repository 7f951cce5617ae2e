"""The pool owns processes and deadlines: whatever a job does, it costs that job alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from atoll.errors import Overloaded, Unavailable
from storage_node.worker_pool import JobCrashed, JobStarved, JobTimedOut, PoolLimits, WorkerPool
from storage_node.worker_sandbox import Sandbox

WORKER = Path(__file__).with_name("misbehaving_worker.py")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a Linux limit")


def pool(sandbox: Sandbox = Sandbox(), command: list[str] | None = None, **limits) -> WorkerPool:  # noqa: B008
    command = command or [sys.executable, "-P", str(WORKER), *sandbox.arguments()]
    return WorkerPool("test", command, PoolLimits(**{"workers": 1, **limits}))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Ended; an orphan that its new parent has not reaped yet counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def one_pid(workers: WorkerPool) -> int:
    (pid,) = workers.worker_pids()
    return pid


def test_every_reply_reaches_the_thread_that_asked():
    wrong: list[str] = []

    def ask(workers: WorkerPool, name: str) -> None:
        questions = [f"{name}-{n}" for n in range(50)]
        wrong.extend(q for q in questions if workers.begin(f"echo {q}".encode()).result() != q.encode())

    with pool(workers=2) as workers:
        threads = [threading.Thread(target=ask, args=(workers, f"t{n}")) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_worker_that_hangs_is_killed_at_the_deadline_and_replaced():
    with pool(job_seconds=0.3) as workers:
        stopped = one_pid(workers)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(JobStarved):
            workers.begin(b"echo lost").result()
        assert workers.begin(b"echo next").result() == b"next"
        assert gone(stopped)


def test_a_hung_worker_is_killed_even_if_nobody_waits():
    with pool(job_seconds=0.3) as workers:
        stopped = one_pid(workers)
        os.kill(stopped, signal.SIGSTOP)
        workers.begin(b"echo lost")
        until(lambda: gone(stopped))


def test_a_worker_killed_in_the_middle_of_a_job_costs_nothing_when_the_job_is_innocent(tmp_path):
    marker = tmp_path / "began"
    with pool() as workers:
        pending = workers.begin(f"sleep {marker}".encode())
        until(marker.exists)
        os.kill(one_pid(workers), signal.SIGKILL)
        assert pending.result() == b"second time"


def test_a_worker_killed_while_idle_costs_nothing():
    with pool() as workers:
        os.kill(one_pid(workers), signal.SIGKILL)
        assert workers.begin(b"echo here").result() == b"here"


@pytest.mark.parametrize("job", [b"crash", b"leave", b"boast"])
def test_a_job_that_kills_two_workers_is_given_up_and_the_pool_goes_on(job):
    with pool() as workers:
        with pytest.raises(JobCrashed):
            workers.begin(job).result()
        assert workers.begin(b"echo next").result() == b"next"


def test_a_job_that_uses_up_its_cpu_time_is_ended_long_before_the_deadline():
    with pool(Sandbox(cpu_seconds=0.2), job_seconds=60) as workers:
        with pytest.raises(JobTimedOut):
            workers.begin(b"spin").result()
        assert workers.begin(b"echo next").result() == b"next"


def test_a_job_that_hardly_runs_is_starved_and_not_called_too_slow():
    with pool(Sandbox(cpu_seconds=60), job_seconds=0.3) as workers:
        with pytest.raises(JobStarved):
            workers.begin(b"spin").result()
        assert workers.begin(b"echo next").result() == b"next"


def test_every_job_has_its_cpu_time_for_itself():
    with pool(Sandbox(cpu_seconds=0.5), job_seconds=60) as workers:
        before = one_pid(workers)
        for _ in range(4):
            assert workers.begin(b"burn 0.2").result() == b"burnt"
        assert one_pid(workers) == before


@linux_only
def test_memory_above_the_limit_is_not_to_be_had():
    with pool(Sandbox(memory_bytes=300 << 20)) as workers:
        assert workers.begin(b"allocate 400000000").result() == b"no memory"
        assert workers.begin(b"allocate 100000000").result() == b"100000000"


@linux_only
def test_a_worker_steps_back_for_others_also_where_the_kernel_shares_cores_by_session():
    with pool(Sandbox(niceness=3), workers=2) as workers:
        for pid in workers.worker_pids():
            assert psutil.Process(pid).nice() == min(19, os.nice(0) + 3)
            session = Path(f"/proc/{pid}/autogroup")  # not there on a kernel that does not
            assert not session.exists() or session.read_text().split()[1:] == ["nice", "3"]


@linux_only
def test_a_worker_pushes_nobody_aside():
    with pool(workers=2) as workers:
        assert {os.sched_getscheduler(pid) for pid in workers.worker_pids()} == {os.SCHED_BATCH}


def test_a_worker_writes_no_file(tmp_path):
    with pool() as workers:
        assert workers.begin(f"write {tmp_path / 'x'}".encode()).result() == b"File too large"
    with pool(Sandbox(file_bytes=1 << 20)) as workers:
        assert workers.begin(f"write {tmp_path / 'x'}".encode()).result() == b"written"


def test_what_a_decoder_prints_does_not_reach_the_frames():
    with pool() as workers:
        assert workers.begin(b"chatter").result() == b"still here"


def test_no_variable_of_the_daemon_reaches_a_worker(monkeypatch):
    monkeypatch.setenv("ATOLL_CLUSTER_SECRET", "hush")
    with pool() as workers:
        assert b"ATOLL" not in workers.begin(b"environment").result()


def test_a_worker_is_recycled_after_its_share_of_jobs():
    with pool(jobs_per_worker=3) as workers:
        pids = [workers.begin(b"pid").result() for _ in range(7)]
    assert [len(set(pids[:3])), len(set(pids[3:6])), len(set(pids))] == [1, 1, 3]


def test_ctrl_c_and_a_polite_end_leave_workers_to_their_daemon():
    with pool() as workers:
        before = one_pid(workers)
        os.kill(before, signal.SIGINT)
        os.kill(before, signal.SIGTERM)
        assert workers.begin(b"pid").result() == str(before).encode()


def test_a_job_that_no_worker_takes_up_in_time_is_refused_with_a_time_to_come_back(tmp_path):
    marker = tmp_path / "busy"
    marker.touch()
    with pool(queue_seconds=0.2) as workers:
        first = workers.begin(f"hold {marker}".encode())
        with pytest.raises(Overloaded) as refused:
            workers.begin(b"echo late").result()
        assert refused.value.facts["retry_after"] > 0
        marker.unlink()
        assert first.result() == b"held"


def test_a_full_queue_refuses_at_once(tmp_path):
    marker = tmp_path / "busy"
    marker.touch()
    with pool(waiting=2) as workers:
        held = workers.begin(f"hold {marker}".encode())
        until(lambda: held._reply.running())
        waiting = [workers.begin(b"echo waited") for _ in range(2)]
        with pytest.raises(Overloaded):
            workers.begin(b"echo refused")
        marker.unlink()
        assert [pending.result() for pending in waiting] == [b"waited"] * 2


def test_an_abandoned_job_is_not_done(tmp_path):
    marker, begun = tmp_path / "busy", tmp_path / "begun"
    marker.touch()
    with pool() as workers:
        held = workers.begin(f"hold {marker}".encode())
        workers.begin(f"sleep {begun}".encode()).abandon()
        marker.unlink()
        assert held.result() == b"held"
        assert workers.begin(b"echo after").result() == b"after"
    assert not begun.exists()


def test_close_ends_jobs_and_processes(tmp_path):
    marker = tmp_path / "began"
    workers = pool(workers=2)
    workers.start()
    pids = workers.worker_pids()
    running = workers.begin(f"sleep {marker}".encode())
    until(marker.exists)
    waiting = [workers.begin(f"hold {marker}".encode()) for _ in range(3)]
    workers.close()
    for pending in (running, *waiting):
        with pytest.raises(Unavailable):
            pending.result()
    with pytest.raises(Unavailable):
        workers.begin(b"echo late")
    assert not any(psutil.pid_exists(pid) for pid in pids)  # reaped, not zombies
    assert workers.worker_pids() == frozenset()


def test_a_pool_whose_workers_do_not_start_says_so():
    workers = pool(command=[sys.executable, "-c", "pass"], start_seconds=0.5)
    with pytest.raises(Unavailable):
        workers.start()
    assert workers.worker_pids() == frozenset()


def test_a_request_that_would_block_the_pipe_is_a_mistake_of_the_caller():
    with pool() as workers, pytest.raises(ValueError, match="longer than"):
        workers.begin(b"echo " + b"x" * 70_000)


DAEMON = """
import sys, time
from storage_node.worker_pool import PoolLimits, WorkerPool
from storage_node.worker_sandbox import Sandbox
worker, marker = sys.argv[1:]
command = [sys.executable, "-P", worker, *Sandbox().arguments()]
pool = WorkerPool("test", command, PoolLimits(workers=2))
pool.start()
pool.begin(b"hold " + marker.encode())
print(*pool.worker_pids(), flush=True)
time.sleep(60)
"""


@linux_only
def test_no_worker_outlives_a_daemon_that_was_killed_not_even_one_in_the_middle_of_a_job(tmp_path):
    marker = tmp_path / "busy"
    marker.touch()
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, WORKER, marker], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    with daemon.stdout:
        pids = [int(pid) for pid in daemon.stdout.readline().split()]
        assert len(pids) == 2
        daemon.kill()
        daemon.wait()
    until(lambda: all(gone(pid) for pid in pids))
    assert marker.exists()
