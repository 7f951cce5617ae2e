"""The proof over all sets as one page: who was asked, what they hold, what is not as it should be. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from atoll.cli.output import printable, size
from atoll.client.proof_views import Problem, VerifiedBranch

_TIME = "%Y-%m-%d %H:%M:%S"
SHOWN = 20  # problems on the page; --json has more


@dataclass(frozen=True)
class Proof:
    """The sum over all branches; `regions` by node, `copies` and `unasked` by set and node.

    Looked at from `begun` to `at`. `more`: not all problems were counted.
    """

    begun: datetime
    at: datetime
    deep: bool
    branches: int
    images: Mapping[str, int]
    copies: Mapping[str, Mapping[str, int]]
    reread: int
    bytes_reread: int
    problem_count: int
    problems: tuple[Problem, ...]
    unasked: Mapping[str, str]
    regions: Mapping[str, str]
    more: bool
    whole: bool

    @classmethod
    def of(
        cls,
        branches: Iterable[VerifiedBranch],
        regions: Mapping[str, str],
        *,
        deep: bool,
        begun: datetime,
    ) -> Proof:
        """The sum of these branches."""
        done = list(branches)
        images, copies = Counter[str](), dict[str, Counter[str]]()
        for branch in done:
            images[branch.set] += branch.images
            copies.setdefault(branch.set, Counter()).update(dict.fromkeys(branch.unasked, 0) | branch.copies)
        return cls(
            begun=begun,
            at=datetime.now(UTC),
            deep=deep,
            branches=len(done),
            images=images,
            copies=copies,
            reread=sum(b.reread for b in done),
            bytes_reread=sum(b.bytes_reread for b in done),
            problem_count=sum(b.problem_count for b in done),
            problems=tuple(p for b in done for p in b.problems),
            unasked={name: why for b in done for name, why in b.unasked.items()},
            regions=regions,
            more=any(b.more for b in done),
            whole=bool(done) and all(b.complete for b in done),
        )

    @property
    def complete(self) -> bool:
        """Every node was asked about everything, and has everything."""
        return self.whole and not self.problem_count and not self.more and not self.unasked

    def document(self) -> dict[str, Any]:
        """For --json."""
        fields = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in {"begun", "at", "whole"}
        }
        told: dict[str, Any] = msgspec.to_builtins(fields)
        times = {
            "begun": self.begun.isoformat(timespec="seconds"),
            "at": self.at.isoformat(timespec="seconds"),
        }
        return {**times, "complete": self.complete, **told}


def page_of(proof: Proof) -> str:
    """For people, and for their files."""
    lines = [
        "ATOLL – PROOF OF STORAGE",
        f"looked at from {proof.begun:{_TIME}} to {proof.at:{_TIME}} UTC",
        "",
    ]
    lines += [f"Result: {_result(proof)}", ""]
    lines += ["How it was looked at:", *_method(proof), ""]
    for name, images in sorted(proof.images.items()):
        lines += [f"Set {name}: {images} images", f"  {'NODE':<24}{'REGION':<20}{'COPIES':>10}  LACKS"]
        lines += [_node_line(proof, name, node, images) for node in _nodes_of(proof, name)]
        lines.append("")
    if proof.problems:
        lines.append(f"Not as it should be ({_count(proof)}):")
        lines += [f"  {_problem(problem)}" for problem in proof.problems[:SHOWN]]
        lines += [f"  … and {proof.problem_count - SHOWN} more" if proof.problem_count > SHOWN else "", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _result(proof: Proof) -> str:
    if proof.complete:
        return "COMPLETE. Every node of every set holds every image it must hold."
    reasons = [f"{name} could not be asked ({why})" for name, why in sorted(proof.unasked.items())]
    if proof.problem_count:
        reasons.append(f"{_count(proof)} copies or records are missing or wrong")
    return "NOT COMPLETE: " + printable("; ".join(reasons or ["nothing was looked at"])) + "."


def _method(proof: Proof) -> list[str]:
    asked = "  Every node was asked for the digests of what its index says it holds, in 256 parts;"
    compared = "  equal digests prove equal contents, and every difference was looked at by name."
    if not proof.deep:
        unread = (
            "  The bytes were not read now; `atoll verify --all --deep` has every node read and hash them."
        )
        return [asked, compared, unread]
    read = f"  Every node read and hashed its copies now: {proof.reread} copies, {size(proof.bytes_reread)}."
    return [asked, compared, read]


def _nodes_of(proof: Proof, set_name: str) -> list[str]:
    return sorted(proof.copies[set_name])


def _count(proof: Proof) -> str:
    return f"at least {proof.problem_count}" if proof.more else str(proof.problem_count)


def _node_line(proof: Proof, set_name: str, node: str, images: int) -> str:
    """What was on its way while the branch was looked at is not lacking: only what was still missing then."""
    copies = proof.copies[set_name][node]
    told = sum(p.node == node and p.what != "record missing" for p in proof.problems)
    all_told = len(proof.problems) == proof.problem_count and not proof.more
    lacking = told if all_told else max(told, images - copies)
    lacks = (
        "could not be asked about everything"
        if node in proof.unasked
        else ("" if all_told else "at least ") + str(lacking)
        if lacking
        else "-"
    )
    return f"  {node:<24}{proof.regions.get(node, ''):<20}{copies:>10}  {lacks}"


def _problem(problem: Problem) -> str:
    where = f"{problem.bucket}/{problem.sha256}" if problem.sha256 else problem.asset_id
    return printable(f"{problem.node}: {problem.what}: {where}")
