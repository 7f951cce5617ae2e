"""Chaos on every test run: a minute (LONG=1: two), with a seed nobody chose and everybody is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from how_long import much

from chaos.plan import make_plan
from chaos.register import Register
from chaos.run import run

pytestmark = [pytest.mark.probe, pytest.mark.timeout(420)]

SECONDS = 60.0 * much(1, 2)
TWO_MINUTES = 120.0


def test_a_seed_gives_one_plan_and_damages_one_node_only() -> None:
    plan = make_plan(7, TWO_MINUTES)
    assert plan == make_plan(7, TWO_MINUTES)
    assert plan != make_plan(8, TWO_MINUTES)
    damaged = {b.target for b in plan.breakages if b.fault in {"flip a bit", "lose a file", "lose the index"}}
    assert damaged <= {plan.victim}
    assert len(plan.acts) > 1000
    assert len(plan.breakages) > 20


@pytest.mark.asyncio
async def test_nothing_acknowledged_is_lost_and_nothing_deleted_comes_back(tmp_path: Path) -> None:
    plan = make_plan(int(os.environ["CHAOS_SEED"]), SECONDS)
    with Register(tmp_path / "register.jsonl", plan) as register:
        await run(plan, tmp_path / "cluster", register)
    assert register.counts.get("stored", 0) > 100, register.counts
    assert register.violations == []
