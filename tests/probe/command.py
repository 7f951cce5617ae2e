"""The real command line, as an operator types it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from atoll.local.cluster import LocalCluster


async def atoll(cluster: LocalCluster, *arguments: str) -> tuple[int, Any]:
    """`atoll …`; its exit code and its JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "atoll.cli",
        *arguments,
        "--json",
        "--cluster",
        str(cluster.paths.root),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    assert out, err.decode()
    return process.returncode, json.loads(out.splitlines()[-1])
