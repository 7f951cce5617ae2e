"""What a request for a derivative asks, and who may: the first thing that happens to it.

Reads the path under the limits of node and bucket, puts in what names mean, and says which of the client's
headers count. Then the door: a signature, an internal token, or a policy that lets anybody ask. Nothing here
looks for bytes. Called by `derivative_delivery`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from atoll.bucket import Bucket
from atoll.errors import BadTransformation
from atoll.signing import Keys, check_internal_token
from atoll.transformation.hints import open_questions
from atoll.transformation.limits import Limits
from atoll.transformation.named import expanded
from atoll.transformation.negotiation import AcceptMemo, Hints, hints_of
from atoll.transformation.parse_memo import ParseMemo
from atoll.transformation.paths import NodePath, parse_node_path
from atoll.transformation.policy import Definitions, may_anybody_ask
from atoll.transformation.signature import Claim
from atoll.transformation.steps import Transformation
from storage_node.delivery_access import DeliveryAccess
from storage_node.derivative_limits import grammar_limits

_SCHEME = "Atoll "


class Lease(NamedTuple):
    """Who may keep an answer, and for how many seconds; None: as long as the answer itself allows.

    `by_origin`: to pages of some origins it says that they may read it, and not to others. `bound`: it is for
    clients in one network only.
    """

    private: bool = False
    seconds: int | None = None
    by_origin: bool = False
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A path that was understood. `questions`: what the client's headers decide (`open_questions`).

    `meant` is the transformation without names; when a name is unknown `unknown` says so, and `meant` still
    has it: whoever may not ask need not learn which names there are.
    """

    bucket: Bucket
    limits: Limits
    path: NodePath
    transformation: Transformation  # that of the path
    meant: Transformation
    questions: frozenset[str]
    raw_path: str
    unknown: BadTransformation | None = None

    @property
    def is_canonical(self) -> bool:
        """Whether it is spelt as its one URL is."""
        return self.path.spelt == self.raw_path


class Policed(NamedTuple):
    """A bucket, and the limits of the grammar in it."""

    bucket: Bucket
    limits: Limits


class DerivativeDoor:
    """`own` are this node's limits of the grammar; `clock` gives Unix milliseconds."""

    def __init__(
        self, node: str, keys: Keys, access: DeliveryAccess, own: Limits, clock: Callable[[], int]
    ) -> None:
        self._node, self._keys, self._access, self._own, self._clock = node, keys, access, own, clock
        self.accepts = AcceptMemo()
        self._parse = ParseMemo()

    def bucket(self, name: str) -> Policed:
        """The bucket; `NotFound`, `Unavailable`."""
        bucket = self._access.bucket(name)
        return Policed(bucket, grammar_limits(bucket.rendering, self._own))

    def read(self, path: str) -> Asked:
        """What the raw `path` asks; errors as in `parse_node_path`, and `Unavailable` without a map."""
        found = parse_node_path(path, self._own, self._parse)
        bucket, limits = self.bucket(found.bucket)
        if limits != self._own:
            found = parse_node_path(path, limits, self._parse)
        assert found.transformation is not None
        try:
            meant, unknown = expanded(found.transformation, Definitions(bucket, limits), limits), None
        except BadTransformation as error:
            meant, unknown = found.transformation, error
        questions = open_questions(meant)
        return Asked(bucket, limits, found, found.transformation, meant, questions, path, unknown)

    def admit(self, request: web.Request, asked: Asked) -> Lease:
        """How long the client may keep the answer; `Unauthorized` for who may not have any."""
        credentials, now = request.headers.get("Authorization", ""), self._clock()
        if credentials.startswith(_SCHEME):
            token = credentials[len(_SCHEME) :]
            check_internal_token(token, self._node, request.method, request.raw_path, self._keys, now)
            return Lease(private=True, seconds=0)
        public = asked.bucket.visibility == "public"
        if public and may_anybody_ask(asked.bucket, asked.transformation):
            return Lease()
        claim = Claim.of(request.query)
        self._access.check(request, asked.path.spelt, claim)
        seconds, bound = max(0, int(claim.exp) - now // 1000), bool(claim.net)
        return Lease(not public or bound, seconds, not public and bool(asked.bucket.cors), bound)

    def hints(self, request: web.Request, questions: frozenset[str]) -> Hints:
        """What the client's headers answer to `questions`."""
        return hints_of(questions, lambda name: joined(request, name), self.accepts)


def joined(request: web.Request, name: str) -> str | None:
    """A header's value, several lines joined by commas."""
    lines = request.headers.getall(name, ())
    return ", ".join(lines) if lines else None
