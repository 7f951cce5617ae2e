"""A bucket's policy for transformations: its limits, its names, and what anybody may ask for. Pure.

Read the same way by the query service, which signs, and by the nodes, which check and render.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from atoll.bucket import Bucket, RenderPolicy
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.named import is_one_name
from atoll.transformation.parser import parse_definition
from atoll.transformation.steps import Transformation


def limits_of(policy: RenderPolicy, own: Limits = DEFAULTS) -> Limits:
    """A daemon's `own`, narrowed: a bucket may forbid more and allow no more, for they protect the daemon."""
    return replace(
        own,
        components=_least(policy.max_components, own.components),
        layers=_least(policy.max_layers, own.layers),
        side=_least(policy.max_side, own.side),
    )


def _least(said: int | None, own: int) -> int:
    return own if said is None else min(said, own)


def may_anybody_ask(bucket: Bucket, transformation: Transformation) -> bool:
    """Whether it needs no signature, from who may read the bucket's images at all."""
    return bucket.unsigned_transformations or is_one_name(transformation)


class Definitions(Mapping[str, Transformation]):
    """What a bucket calls by names, for `named.expanded`; each is parsed when it is first asked for.

    A definition that no longer keeps the limits raises `BadTransformation` then, and harms no other name.
    """

    def __init__(self, bucket: Bucket, limits: Limits) -> None:
        self._texts, self._limits = bucket.transformations, limits
        self._parsed: dict[str, Transformation] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __getitem__(self, name: str) -> Transformation:
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = parse_definition(self._texts[name], self._limits)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
