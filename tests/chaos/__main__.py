"""`make chaos SEED=n MINUTES=m`: a chaos run of one's own; the seed of an earlier one does the same again."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from chaos.plan import make_plan
from chaos.register import Register
from chaos.run import run


def main() -> int:
    """Exit code 0 if nothing was violated."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="default: a new one")
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if args.seed is None else args.seed
    directory = Path(tempfile.mkdtemp(prefix=f"atoll-chaos-{seed}-"))
    path = directory / "register.jsonl"
    plan = make_plan(seed, args.minutes * 60)
    print(f"seed {seed}, {args.minutes:g} minutes, {len(plan.acts)} operations, {len(plan.breakages)} faults")
    print(f"register: {path}", flush=True)
    with Register(path, plan) as register:
        asyncio.run(run(plan, directory / "cluster", register))
    print(", ".join(f"{count} {what}" for what, count in sorted(register.counts.items())))
    for violation in register.violations:
        print("VIOLATED", violation)
    print("nothing was violated" if not register.violations else f"{len(register.violations)} violations")
    return 1 if register.violations else 0


if __name__ == "__main__":
    sys.exit(main())
