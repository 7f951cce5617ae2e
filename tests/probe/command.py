"""The real command line, as an operator types it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from forked_daemons import command

from atoll.local.cluster import LocalCluster


async def said(cluster: LocalCluster, *arguments: str) -> tuple[int, str, str]:
    """`atoll …`: its exit code, its output and what it says of errors."""
    return await asyncio.to_thread(command, *arguments, "--cluster", str(cluster.paths.root))


async def atoll(cluster: LocalCluster, *arguments: str) -> tuple[int, Any]:
    """`atoll … --json`; its exit code and its JSON."""
    code, out, err = await said(cluster, *arguments, "--json")
    assert out, err
    return code, json.loads(out.splitlines()[-1])
