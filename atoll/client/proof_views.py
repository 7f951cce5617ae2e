"""What the query service answers about proof, membership and repair, as the client reads it. Pure.

Times are RFC 3339, in UTC. Unknown members are ignored, and what a service may leave out has a default.
"""

from __future__ import annotations

from msgspec import Struct


class Held(Struct, frozen=True):
    """A node holds a version's bytes: durable since, last read and found right."""

    version: str
    sha256: str
    durable_since: str
    verified_at: str


class Removed(Struct, frozen=True):
    """A node removed a deleted version's bytes; `erased_at` None: they lie in the trash, restore is possible.

    `shared`: the bytes stay because another asset uses them.
    """

    sha256: str
    removed_at: str
    erased_at: str | None = None
    shared: bool = False


class NodeReceipt(Struct, frozen=True):
    """One node's testimony; `unasked` says why there is none."""

    node: str
    region: str
    held: tuple[Held, ...] = ()
    deleted_at: str | None = None
    removed: tuple[Removed, ...] = ()
    unasked: str | None = None


class Receipt(Struct, frozen=True):
    """All nodes' testimony about an asset; `state` is stored, deleted or unknown.

    `complete`: every node of the set was asked and testifies to that state.
    """

    asset_id: str
    state: str
    complete: bool
    set: str
    version: str | None = None
    sha256: str | None = None
    missing: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    nodes: tuple[NodeReceipt, ...] = ()


class AssetVerdict(Struct, frozen=True):
    """A receipt, and after a deep look what each node found (`right`, or what is wrong)."""

    receipt: Receipt
    proven: bool
    found: dict[str, str] = {}


class Problem(Struct, frozen=True):
    """What a node should hold and does not, or held wrong."""

    node: str
    what: str
    bucket: str = ""
    sha256: str = ""
    asset_id: str = ""


class VerifiedBranch(Struct, frozen=True):
    """One of the 256 branches of a set. `copies`: by node; `reread`: copies read and hashed just now.

    `more`: there are more problems than were counted.
    """

    set: str
    branch: str
    images: int
    copies: dict[str, int]
    complete: bool
    reread: int = 0
    bytes_reread: int = 0
    problem_count: int = 0
    problems: tuple[Problem, ...] = ()
    unasked: dict[str, str] = {}
    more: bool = False


class VerifySurvey(Struct, frozen=True):
    """The branches of a set that one look at its nodes has proven."""

    set: str
    settled: tuple[VerifiedBranch, ...] = ()


class Confirmation(Struct, frozen=True):
    """What a staying node still lacks of a leaving one."""

    node: str
    region: str
    missing_images: int = 0
    missing_records: int = 0
    more: bool = False
    unasked: str | None = None


class Drain(Struct, frozen=True):
    """How far a drain is; `done`: the node may be removed."""

    node: str
    set: str
    state: str
    done: bool
    images: int | None = None
    confirmed: int | None = None
    waiting_for: tuple[str, ...] = ()
    others: tuple[Confirmation, ...] = ()


class CatalogBranch(Struct, frozen=True):
    """The catalog compared with the nodes, in one branch of a set.

    `ghosts`: in it, but on no node; `refused`: documents that MongoDB would not take. `…_versions` count the
    records of all versions.
    """

    set: str
    branch: str
    assets: int
    missing: int
    outdated: int
    ghosts: int
    wrong_locations: int
    rebuilt: bool
    complete: bool
    unasked: dict[str, str] = {}
    refused: int = 0
    missing_versions: int = 0
    ghost_versions: int = 0


class CatalogSurvey(Struct, frozen=True):
    """The branches of a set of which neither the catalog nor any node has anything."""

    set: str
    settled: tuple[CatalogBranch, ...] = ()


class PutBack(Struct, frozen=True):
    """What a backup brought back, and what was there already and was left alone."""

    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
