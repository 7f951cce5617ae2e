"""As many requests as a server answers, over keep-alive connections: by wrk where it is installed.

Without it by lean_client, which takes as much of the machine as what it measures: ratios to a slower peer
then come out lower than they are. Both are told the same requests, and send them in turn, over and over.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from atoll.local.ports import LOOPBACK
from benchmarks import lean_client
from benchmarks.cores import on_client_core
from benchmarks.result import Series

CONNECTIONS = 32
_LEAN_PROBE = 500  # requests, to guess how many fill the time

# wrk hands each request out as prepared text; what came is written as one line of JSON.
_SCRIPT = """
local all, n = {}, 0
init = function()
  local file = io.open("%s", "rb")
  for length in function() return file:read("*n", 1) end do
    all[#all + 1] = file:read(length)
  end
  file:close()
end
request = function() n = n %% #all + 1; return all[n] end
done = function(summary, latency)
  local bad = summary.errors
  io.write("\\n", string.format(
    '{"requests": %%d, "us": %%d, "p50": %%.0f, "p99": %%.0f, "bad": %%d}',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    bad.connect + bad.read + bad.write + bad.status + bad.timeout), "\\n")
end
"""


class Load(NamedTuple):
    """What a server did under load."""

    rate: float  # answers a second
    p50_ms: float
    p99_ms: float


def rates_of(name: str, loads: Sequence[Load]) -> tuple[Series, Series, Series]:
    """Rate, p50 and p99 of all rounds."""
    return (
        Series(name, "/s", tuple(each.rate for each in loads)),
        Series(f"{name} p50", "ms", tuple(each.p50_ms for each in loads)),
        Series(f"{name} p99", "ms", tuple(each.p99_ms for each in loads)),
    )


def client() -> str:
    """What makes the load, for the notes of a result."""
    return "wrk, one thread" if shutil.which("wrk") else "a client in Python (wrk is not installed)"


async def load(
    directory: Path, port: int, requests: Sequence[lean_client.Request], seconds: float, status: int = 200
) -> Load:
    """Send `requests` in turn for some seconds over 32 connections. RuntimeError for any other answer."""
    if wrk := shutil.which("wrk"):
        return await _wrk(wrk, directory, port, requests, seconds)
    return await _lean(port, requests, seconds, str(status).encode())


async def _wrk(
    wrk: str, directory: Path, port: int, requests: Sequence[lean_client.Request], seconds: float
) -> Load:
    script, texts = directory / "wrk.lua", directory / "wrk.requests"
    texts.write_bytes(b"".join(b"%d\n%b" % (len(r.head) + len(r.body), r.head + r.body) for r in requests))
    script.write_text(_SCRIPT % texts)
    process = await asyncio.create_subprocess_exec(
        *on_client_core([wrk]),
        f"--connections={CONNECTIONS}",
        "--threads=1",
        f"--duration={seconds:g}s",
        f"--script={script}",
        f"http://{LOOPBACK}:{port}/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"wrk: {out.decode()[-500:]}")
    found = json.loads(out.splitlines()[-1])
    if found["bad"] or not found["requests"]:
        raise RuntimeError(f"{found['bad']} of {found['requests']} requests were not answered as they should")
    return Load(found["requests"] / found["us"] * 1e6, found["p50"] / 1000, found["p99"] / 1000)


async def _lean(port: int, requests: Sequence[lean_client.Request], seconds: float, status: bytes) -> Load:
    endless = chain.from_iterable(repeat(requests))
    probe = await lean_client.send_all(port, [next(endless) for _ in range(_LEAN_PROBE)], CONNECTIONS, status)
    number = int(_LEAN_PROBE / probe.seconds * seconds)
    run = await lean_client.send_all(port, [next(endless) for _ in range(number)], CONNECTIONS, status)
    p50, p99 = (lean_client.percentile(run.waits, share) * 1000 for share in (0.5, 0.99))
    return Load(number / run.seconds, p50, p99)
