"""The record of what administrators did, while NATS is away and when it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from engine_thread import EngineThread
from query_stage import query_stage, running, until

from query_service.audit_stream import AuditRecord

pytestmark = pytest.mark.integration


async def test_what_was_done_without_nats_waits_in_a_file_and_is_not_lost(tmp_path: Path) -> None:
    with EngineThread(tmp_path / "engines") as engines:
        (tmp_path / "stage").mkdir()
        async with query_stage(tmp_path / "stage", engines.urls, "audit_test") as stage:
            unsent = stage.settings.state_dir / "audit_unsent.jsonl"
            await stage.ask("POST", "/v1/scrub", {"paused": False, "nodes": ["first"]})
            await asyncio.to_thread(engines.stop, "nats")
            await stage.ask("POST", "/v1/scrub", {"paused": False, "nodes": ["second"]})
            await until(lambda: _has(unsent, b'"second"'), "the record waits in the file")
            (await stage.get("/v1/audit")).problem(503, "bus-unavailable")
            await stage.end()
            await asyncio.to_thread(engines.start, "nats")
            async with running(stage, heard=False):

                async def both() -> bool:
                    answer = await stage.get("/v1/audit?limit=10")
                    records = answer.body.get("records", [])
                    nodes = {record["facts"].get("nodes") for record in records}
                    return {"first", "second"} <= nodes and unsent.read_bytes() == b""

                await until(both, "both are in the stream")


async def test_nothing_is_done_that_cannot_be_recorded(tmp_path: Path) -> None:
    with EngineThread(tmp_path / "engines") as engines:
        (tmp_path / "stage").mkdir()
        async with query_stage(tmp_path / "stage", engines.urls, "audit_test") as stage:
            await stage.end()
            await asyncio.to_thread(engines.stop, "nats")
            unsent = stage.settings.state_dir / "audit_unsent.jsonl"
            waiting = AuditRecord("x", 1, "admin", "GET", "/" * 8 * 2**20, 200, "ok", "query-eu", "127.0.0.1")
            unsent.write_bytes(msgspec.json.encode(waiting) + b"\n")
            async with running(stage, heard=False):
                order = {"paused": True, "nodes": ["eu-1"]}
                problem = (await stage.ask("POST", "/v1/scrub", order)).problem(503, "unavailable")
                assert problem["limit"] == 8 * 2**20
                assert (await stage.get("/v1/nodes")).status == 200


async def _has(path: Path, words: bytes) -> bool:
    return path.exists() and words.rstrip(b'"').lstrip(b'"') in path.read_bytes()
