"""What a verified branch looks like, and the tally that becomes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from atoll.repair_api import BlobItem, Proof
from query_service.branch_reading import BranchDigests

MOST_PROBLEMS = 1000  # told of one branch; the count is of all


class Problem(Struct, frozen=True, omit_defaults=True):
    """Something a node should hold and does not, or held wrong (by now quarantined, its repair under way)."""

    node: str
    what: Literal["missing", "wrong bytes", "record missing"]
    bucket: str = ""
    sha256: str = ""
    asset_id: str = ""


class BranchView(Struct, frozen=True):
    """One branch of a set. `images`: different blobs; `copies`: by node; `reread`: copies hashed just now.

    `complete`: every member was asked, and holds everything. `more`: not all problems were counted.
    """

    set: str
    branch: str
    images: int
    copies: dict[str, int]
    reread: int
    bytes_reread: int
    complete: bool
    problem_count: int
    problems: list[Problem]
    unasked: dict[str, str]
    more: bool = False


@dataclass
class Tally:
    """Counts while a branch is walked."""

    set: str
    branch: int
    images: int = 0
    copies: dict[str, int] = field(default_factory=dict)
    reread: int = 0
    bytes_reread: int = 0
    problems: list[Problem] = field(default_factory=list)
    unasked: dict[str, str] = field(default_factory=dict)
    more: bool = False

    def count(self, digests: BranchDigests, lacking: Mapping[str, Sized]) -> None:
        """All a node has and all it lacks is all there is, whichever node one looks at."""
        self.copies = {name: digest.items for name, digest in digests.said.items()}
        totals = [items + len(lacking[name]) for name, items in self.copies.items()]
        self.images = max(totals, default=0)

    def read(self, node: str, blob: BlobItem, proof: Proof) -> bool:
        """A copy was read just now. False when it is gone: it is looked for with those that are missing."""
        if proof.bad:
            self.problems.append(Problem(node, "wrong bytes", blob.bucket, blob.sha256))
        elif proof.held:
            self.reread += 1
            self.bytes_reread += blob.size
        return proof.bad or proof.held

    def view(self) -> BranchView:
        """As told."""
        problems = sorted(set(self.problems), key=lambda p: (p.node, p.what, p.sha256, p.asset_id))
        return BranchView(
            set=self.set,
            branch=f"{self.branch:02x}",
            images=self.images,
            copies=self.copies,
            reread=self.reread,
            bytes_reread=self.bytes_reread,
            complete=not problems and not self.more and not self.unasked and bool(self.copies),
            problem_count=len(problems),
            problems=problems[:MOST_PROBLEMS],
            unasked=self.unasked,
            more=self.more,
        )
