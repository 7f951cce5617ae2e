"""The frame of the bench: who is compared, in what order, and that nobody is left out without a word."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import document, peer, peers, report
from benchmarks.context import Context
from benchmarks.registry import BENCHMARKS
from benchmarks.result import Absent, Mark, ProcessUse, Result
from benchmarks.watch import name_of

FOUND = Result(
    "A title",
    (),
    (Mark("ratio", 0.5, 0.7, "×"),),
    absent=(Absent("nginx", "not installed"),),
    processes=(ProcessUse("storage_node", 2, 3.5, 120.0),),
)


def test_every_file_of_a_peer_is_found_and_says_what_it_is():
    files = {path.stem for path in Path(peers.__path__[0]).glob("*.py")} - {"__init__"}
    found = peer.file_servers()
    assert found.keys() == files
    for each in found.values():
        assert each.name
        assert each.about
        assert each.absent() is None or isinstance(each.absent(), str)


async def test_who_is_compared_comes_in_turn(tmp_path):
    asked = []

    def measured(name):
        async def measure(round_):
            asked.append((name, round_))
            return len(asked)

        return measure

    found = await Context(tmp_path, 2, lambda _: None).in_turn({name: measured(name) for name in "abc"})
    assert asked == [(name, round_) for round_ in (0, 1) for name in "abc"]
    assert found == {"a": [1, 4], "b": [2, 5], "c": [3, 6]}


def test_a_peer_that_is_not_there_is_shown_as_absent_everywhere():
    entries = {next(iter(BENCHMARKS)): report.Entry(FOUND, {"processor": "p"}, "now")}
    page = document.documents(entries)["performance.md"]
    assert "| A title | nginx | absent | not installed | | |" in page
    assert "| **nginx** | **absent: not installed** |" in report.markdown(entries)
    out = StringIO()
    report.show_together(Console(file=out, width=150), {"hot": FOUND})
    assert "absent" in out.getvalue()
    assert "MISSED" in out.getvalue()


def test_processes_are_told_with_their_cpu_and_memory():
    assert report.processes(FOUND) == [
        "CPU time, and peak memory of the largest: 2 x storage_node 3.50 s, 120 MB"
    ]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/python", "-m", "storage_node", "--settings", "x"], "storage_node"),
        (["/usr/bin/python", "-P", "-m", "atoll.cli.__main__"], "atoll.cli"),
        (["/usr/bin/python", "/x/bare_aiohttp.py", "80", "low", "/d"], "bare_aiohttp low"),
        (["nginx: worker process"], "nginx"),
        (["/usr/bin/wrk", "-c", "5"], "wrk"),
        ([], "kernel"),
    ],
)
def test_a_process_is_called_what_it_is(argv, name):
    assert name_of(argv, "kernel") == name
