"""A supervised process, its guard and its directory: real children, small shell programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from atoll.local import launcher, reaper
from atoll.local.engine_errors import EngineError, NotReadyError
from atoll.local.guard import Guard
from atoll.local.process import ManagedProcess
from atoll.local.process_spec import ProcessSpec, child_environment

DEADLINE = 20.0


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


async def until(condition, what: str) -> None:
    await asyncio.to_thread(wait_until, condition, what)


def shell(tmp_path: Path, script: str, **changes) -> ProcessSpec:
    """A process that is healthy once it has made the file `up`."""

    async def health() -> None:
        if not (tmp_path / "up").exists():
            raise NotReadyError("there is no file yet")

    settings = {"grace": 5.0, "ready_within": 10.0} | changes
    return ProcessSpec(
        name="child",
        argv=("/bin/sh", "-c", script),
        env={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        health=health,
        log=tmp_path / "logs" / "child.log",
        **settings,
    )


@pytest.fixture
async def guard(tmp_path):
    async with Guard(tmp_path / "guarded", grace=2.0) as running:
        yield running


async def test_it_is_started_when_it_is_healthy_and_gone_when_it_is_stopped(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "touch up; exec sleep 300"), guard)
    await child.start()
    status = child.status
    assert status.ready
    assert alive(status.pid)
    await child.stop()
    assert not alive(status.pid)
    assert child.status.last_exit == -signal.SIGTERM
    assert not child.status.ready


async def test_stopped_on_purpose_it_stays_down_until_it_is_started_again(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "touch up; echo $$ >> pids; exec sleep 300"), guard)
    await child.start()
    first = child.status.pid
    await child.stop()
    await child.stop()
    await child.start()
    await child.start()
    try:
        assert child.status.restarts == 0
        both = [str(first), str(child.status.pid)]
        await until(lambda: (tmp_path / "pids").read_text().split() == both, "exactly two starts")
    finally:
        await child.stop()


async def test_a_death_nobody_asked_for_is_answered_by_a_restart_that_is_counted(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "touch up; exec sleep 300"), guard)
    await child.start()
    try:
        first = child.status.pid
        await child.kill()
        await child.wait_ready(DEADLINE)
        assert child.status.pid != first
        assert child.status.restarts == 1
        assert child.status.last_exit == -signal.SIGKILL
    finally:
        await child.stop()


async def test_killed_without_restart_it_stays_down(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "touch up; exec sleep 300"), guard)
    await child.start()
    await child.kill(restart=False)
    assert child.status.pid is None
    await child.start()
    assert child.status.ready
    await child.stop()


async def test_it_can_be_stopped_while_it_waits_for_its_restart(tmp_path, guard):
    child = ManagedProcess(
        shell(tmp_path, "echo >> starts; [ -e up ] && exit 3; touch up; exec sleep 300"), guard
    )
    await child.start()
    await child.kill()
    await until(lambda: len((tmp_path / "starts").read_text()) >= 3, "two restarts that fail")
    await child.stop()
    starts = (tmp_path / "starts").read_text()
    assert child.status.pid is None
    assert child.status.last_exit in {3, -signal.SIGKILL}
    await child.stop()
    assert (tmp_path / "starts").read_text() == starts


async def test_a_child_that_ends_at_its_start_is_told_with_its_last_words(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "echo the disk is on fire >&2; exit 7"), guard)
    with pytest.raises(EngineError, match=r"(?s)exit 7.*child\.log.*the disk is on fire"):
        await child.start()
    assert child.status.pid is None


async def test_a_child_that_never_gets_healthy_is_told_with_the_reason_and_ended(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "echo $$ > pid; exec sleep 300", ready_within=0.5), guard)
    with pytest.raises(EngineError, match="there is no file yet"):
        await child.start()
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_a_program_that_does_not_exist_is_told_by_name(tmp_path, guard):
    spec = shell(tmp_path, "")
    missing = ProcessSpec(**{**vars(spec), "argv": (str(tmp_path / "missing"),)})
    with pytest.raises(EngineError, match=r"cannot run .*/missing: No such file"):
        await ManagedProcess(missing, guard).start()


async def test_a_child_that_ignores_the_stop_signal_is_killed_with_its_children(tmp_path, guard):
    script = "trap '' TERM; sleep 300 & echo $! > grandchild; touch up; while :; do sleep 1; done"
    child = ManagedProcess(shell(tmp_path, script, grace=0.3), guard)
    await child.start()
    grandchild = int((tmp_path / "grandchild").read_text())
    await child.stop()
    assert child.status.last_exit == -signal.SIGKILL
    await until(lambda: not alive(grandchild), "the end of the grandchild")


async def test_the_stop_signal_can_be_another(tmp_path, guard):
    script = "trap 'exit 42' INT; touch up; while :; do sleep 0.05; done"
    child = ManagedProcess(shell(tmp_path, script, stop_signal=signal.SIGINT), guard)
    await child.start()
    await child.stop()
    assert child.status.last_exit == 42


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "echo $$ > pid; exec sleep 300"), guard)
    start = asyncio.create_task(child.start())
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the child")
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_the_child_gets_our_environment_and_descriptors_only_by_name(tmp_path, guard):
    env = child_environment({"PATH": "/usr/bin:/bin", "ATOLL_ADMIN_KEY": "secret"}, tmp_path)
    assert env == {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    probe_fds = "for fd in 3 4 5 6 7 8 9; do (true >&$fd) 2>/dev/null && echo $fd >> fds; done"
    script = f"env > seen; {probe_fds}; touch up; exec sleep 300"
    child = ManagedProcess(shell(tmp_path, script), guard)
    await child.start()
    await child.stop()
    assert "ATOLL" not in (tmp_path / "seen").read_text()
    assert not (tmp_path / "fds").exists()


async def test_a_process_may_be_told_to_step_back_for_the_others(tmp_path, guard):
    child = ManagedProcess(shell(tmp_path, "touch up; exec sleep 300", niceness=3), guard)
    await child.start()
    assert psutil.Process(child.status.pid).nice() == min(19, os.nice(0) + 3)
    await child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such class")
@pytest.mark.parametrize("batch_work", [True, False])
async def test_a_process_may_be_told_to_push_nobody_aside(tmp_path, guard, batch_work):
    child = ManagedProcess(shell(tmp_path, "touch up; exec sleep 300", batch_work=batch_work), guard)
    await child.start()
    usual = os.sched_getscheduler(0)
    assert os.sched_getscheduler(child.status.pid) == (os.SCHED_BATCH if batch_work else usual)
    await child.stop()


def test_a_launcher_that_is_not_told_to_go_on_runs_nothing(tmp_path):
    argv = [
        sys.executable,
        "-I",
        "-S",
        launcher.__file__,
        str(os.getpid()),
        "0",
        "usual",
        "/usr/bin/touch",
        str(tmp_path / "x"),
    ]
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=DEADLINE).returncode == 1
    assert subprocess.run(argv, input=b"g", timeout=DEADLINE).returncode == 0
    assert (tmp_path / "x").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_launcher_whose_parent_is_gone_runs_nothing(tmp_path):
    argv = [sys.executable, "-I", "-S", launcher.__file__, "1", "0", "/usr/bin/touch", str(tmp_path / "x")]
    assert subprocess.run(argv, input=b"g", timeout=DEADLINE).returncode == 1
    assert not (tmp_path / "x").exists()


async def test_what_is_still_there_when_the_guard_closes_is_ended(tmp_path):
    async with Guard(tmp_path / "guarded", grace=2.0) as guard:
        left = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True)
        guard.add(left.pid)
    assert left.wait(timeout=DEADLINE) == -signal.SIGTERM


async def test_a_guard_that_is_killed_is_replaced_and_knows_the_list(tmp_path):
    async with Guard(tmp_path / "guarded", grace=2.0) as guard:
        left = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True)
        guard.add(left.pid)
        first = guard.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: guard.pid != first, "another guard")
    assert left.wait(timeout=DEADLINE) == -signal.SIGTERM


async def test_the_guard_cannot_be_stopped_from_a_terminal_and_leaves_alone_what_was_removed(tmp_path):
    with contextlib.ExitStack() as stack:
        async with Guard(tmp_path / "guarded", grace=2.0) as guard:
            first = guard.pid
            assert os.getsid(first) == first
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(first, number)
            removed = stack.enter_context(subprocess.Popen(["/bin/sleep", "300"], start_new_session=True))
            stack.callback(removed.kill)
            guard.add(removed.pid)
            guard.remove(removed.pid)
        assert guard.pid == first
        assert alive(removed.pid)


async def test_a_second_supervisor_of_the_same_directory_is_refused_by_name_of_the_first(tmp_path, guard):
    with pytest.raises(EngineError, match=f"in use by process {os.getpid()}"):
        async with Guard(tmp_path / "guarded"):
            pass


SUPERVISOR = """
import asyncio, subprocess, sys
from pathlib import Path
from atoll.local.guard import Guard

async def main(directory, script):
    async with Guard(Path(directory), grace=1.0) as guard:
        # Started without the launcher: the guard alone must do it, as it must on macOS.
        child = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, cwd=directory)
        guard.add(child.pid)
        print(child.pid, guard.pid, flush=True)
        await asyncio.sleep(300)

asyncio.run(main(*sys.argv[1:]))
"""


def killed_supervisor(directory: Path, script: str) -> tuple[int, int]:
    """Run a supervisor until its child has made the file `up`, kill it; the child's and the guard's ids."""
    argv = [sys.executable, "-c", SUPERVISOR, str(directory), script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        child, guard = (int(word) for word in supervisor.stdout.readline().split())
        wait_until((directory / "up").exists, "the child")
        supervisor.kill()
    return child, guard


def test_when_the_supervisor_is_killed_the_guard_ends_the_whole_group_and_itself(tmp_path):
    child, guard = killed_supervisor(tmp_path, "sleep 300 & echo $! > grandchild; touch up; wait")
    grandchild = int((tmp_path / "grandchild").read_text())
    wait_until(lambda: not any(map(alive, (child, grandchild, guard))), "the end of all")


def test_a_group_that_ignores_sigterm_is_killed(tmp_path):
    child, guard = killed_supervisor(tmp_path, "trap '' TERM; touch up; while :; do sleep 0.1; done")
    wait_until(lambda: not any(map(alive, (child, guard))), "the end of all")


def test_a_group_whose_leader_is_gone_is_ended_all_the_same(tmp_path):
    _, guard = killed_supervisor(tmp_path, "sleep 300 & echo $! > grandchild; touch up")
    grandchild = int((tmp_path / "grandchild").read_text())
    wait_until(lambda: not any(map(alive, (grandchild, guard))), "the end of all")


async def test_the_directory_is_free_again_once_the_guard_of_a_killed_supervisor_has_finished(tmp_path):
    script = "trap '' TERM; touch up; while :; do sleep 0.1; done"
    child, _ = await asyncio.to_thread(killed_supervisor, tmp_path, script)
    async with Guard(tmp_path, grace=1.0):
        assert not alive(child)


def test_a_process_id_that_is_used_again_is_not_ours():
    stranger = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True)
    try:
        assert reaper.is_ours(stranger.pid, reaper.start_time(stranger.pid))
        assert not reaper.is_ours(stranger.pid, "another time")
        assert not reaper.is_ours(stranger.pid, None)
    finally:
        stranger.kill()
        stranger.wait()
    assert reaper.is_ours(stranger.pid, "gone: only its group may be left")
