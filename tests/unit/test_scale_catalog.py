"""Where the scale benchmark grows a catalog: which server, how far, and what a cost is there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.__main__ import _given, _parser
from benchmarks.context import Context, GivenMongo
from benchmarks.scale.catalog_fill import asset_at
from benchmarks.scale.catalog_growth import run_given
from benchmarks.scale.catalog_server import QUICK_SIZES, SIZES, said, sizes_of
from benchmarks.scale.cpu import Cpu

URL = "mongodb://user:a-secret@host"


def context(tmp_path, **more):
    return Context(tmp_path, 1, lambda _: None, **more)


def test_a_server_that_is_given_is_filled_with_as_many_as_it_shall_have(tmp_path):
    whole, quick = context(tmp_path), context(tmp_path, quick=True)
    assert sizes_of(whole, None) == sizes_of(whole, GivenMongo(URL)) == SIZES
    assert sizes_of(quick, None) == sizes_of(quick, GivenMongo(URL)) == QUICK_SIZES
    assert sizes_of(whole, GivenMongo(URL, assets=300_000)) == (10_000, 100_000, 300_000)


async def test_without_a_server_the_page_says_that_there_was_none(tmp_path):
    result = await run_given(context(tmp_path))
    assert [gone.why for gone in result.absent] == ["none was given: --mongodb URL"]
    assert not result.marks


def test_the_page_names_the_server_that_was_measured_and_never_its_password():
    given = GivenMongo(URL, "MongoDB 8", (1,))
    assert "MongoDB 8" in said(given)
    assert "waited" not in said(given)
    assert "the time waited" in said(GivenMongo(URL, "MongoDB 8"))
    assert "stand-in" in said(None)
    assert "a-secret" not in repr(given) + said(given)


def test_the_command_takes_a_server_and_its_processes():
    assert _given(_parser().parse_args(["scale"])) is None
    words = ["scale", "--mongodb", URL, "--mongodb-name", "x", "--mongodb-pids", "1,22", "--assets", "5000"]
    assert _given(_parser().parse_args(words)) == GivenMongo(URL, "x", (1, 22), 5000)


def test_what_redis_is_told_of_an_asset_is_what_the_catalog_has():
    asset = asset_at(7)
    assert asset == asset_at(7)
    assert asset.record.asset_id != asset_at(8).record.asset_id
    assert len(asset.locations) == 1


def test_the_cpu_of_an_engine_is_that_of_its_processes_too_and_of_those_that_have_ended():
    spin = "import time\nwhile time.process_time() < 0.1: pass"
    run = f"subprocess.run([sys.executable, '-c', {spin!r}])"
    code = f"import subprocess, sys; {run}; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as engine:
        engine.stdout.readline()  # its child has ended
        own = Cpu().now()  # first: it grows meanwhile
        assert Cpu([engine.pid]).now() - own >= 0.1
        engine.communicate(b"\n")


@pytest.mark.parametrize("pids", [(), (os.getpid(),)])
async def test_a_mean_is_of_all_that_were_done(pids):
    done = []

    async def one(number):
        done.append(number)

    assert await Cpu(pids).each_awaited(one, range(5)) >= 0
    assert await Cpu(waits=True).each_awaited(one, range(5)) > 0
    assert done == [*range(5)] * 2
