"""Durable uploads of 80 KB to a node of two processes: as in upload.py, with `workers = 2`."""

from __future__ import annotations

from benchmarks.context import Context
from benchmarks.result import Result
from benchmarks.upload import measured

WANTED = 0.45


async def run(ctx: Context) -> Result:
    """Rounds of uploads and of the bare loop in turn."""
    return await measured(ctx, "two processes", 2, {"workers": 2, "inspectors": 2}, WANTED)
