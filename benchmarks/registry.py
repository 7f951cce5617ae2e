"""The benchmarks by name. Add a file with `run(ctx) -> Result`, and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from benchmarks import hot_get, lag, resolve, upload, upload_memory
from benchmarks.context import Context
from benchmarks.result import Result


class Benchmark(NamedTuple):
    """What to run, and one line for --list."""

    run: Callable[[Context], Awaitable[Result]]
    about: str


BENCHMARKS: Mapping[str, Benchmark] = {
    "hot_get": Benchmark(hot_get.run, "hot GETs from one node, against aiohttp's FileResponse"),
    "lag": Benchmark(lag.run, "from 201 to durable in all regions, at 100 uploads a second"),
    "resolve": Benchmark(resolve.run, "resolving from memory and from Redis, against a bare aiohttp handler"),
    "upload": Benchmark(upload.run, "durable uploads of 80 KB to one node, against a bare fsync loop"),
    "upload_memory": Benchmark(upload_memory.run, "memory of a node that takes 64 uploads of 20 MB at once"),
}
