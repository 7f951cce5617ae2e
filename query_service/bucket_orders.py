"""From what an operator asks of a bucket to the policy that goes into the cluster map. Pure.

Owns that every transformation in a policy is canonical and can be done: what is stored here is parsed by
every node and never refused there. Refuses with `BadTransformation`, which says where in the order it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from msgspec import structs

from atoll.bucket import Bucket, Quota, RenderPolicy
from atoll.errors import BadTransformation
from atoll.transformation.canonical import canonical
from atoll.transformation.hints import open_questions
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.named import expanded
from atoll.transformation.parser import parse, parse_definition
from atoll.transformation.policy import Definitions, limits_of
from atoll.transformation.refusals import refused
from atoll.transformation.steps import Transformation
from query_service.cluster_wire import BucketOrder

T = TypeVar("T")

_INSTEAD_OF_AUTO = {"w": "w_300", "dpr": "dpr_2", "f": "f_webp"}


def bucket_of(name: str, order: BucketOrder, own: Limits = DEFAULTS) -> Bucket:
    """The bucket that `order` describes; `own` are this service's limits, which the order may narrow."""
    rendering = RenderPolicy(**structs.asdict(order.rendering))
    limits = limits_of(rendering, own)
    bucket = Bucket(
        name=name,
        visibility=order.visibility,
        max_bytes=order.max_bytes,
        max_pixels=order.max_pixels,
        allowed=order.allowed,
        durability=order.durability,
        transformations=_definitions(order.transformations, limits),
        unsigned_transformations=order.unsigned_transformations,
        rendering=rendering,
        versioning=order.versioning,
        metadata=order.metadata,
        lifecycle=order.lifecycle,
        quota=Quota(**structs.asdict(order.quota)),
        home_regions=tuple(sorted(set(order.home_regions))),
        cors=order.cors,
        fetch_hosts=order.fetch_hosts,
    )
    return structs.replace(bucket, eager=eager_texts(bucket, order.eager, limits))


def eager_texts(bucket: Bucket, texts: Iterable[str], limits: Limits) -> tuple[str, ...]:
    """The canonical texts, each once, of what shall be rendered before anybody asks.

    Refused when it depends on who asks: nobody has asked yet.
    """
    definitions = Definitions(bucket, limits)
    found = [
        _placed(f"eager[{index}]", partial(_eager, text, definitions, limits))
        for index, text in enumerate(texts)
    ]
    return tuple(dict.fromkeys(found))


def _eager(text: str, definitions: Definitions, limits: Limits) -> str:
    transformation = parse(text, limits)
    meant = expanded(transformation, definitions, limits)
    check_settled(meant, "what is made before anybody asks cannot depend on who asks")
    return canonical(transformation)


def check_settled(meant: Transformation, why: str) -> None:
    """`BadTransformation` for what depends on who asks; `why` it may not here."""
    for key in sorted(open_questions(meant)):
        raise refused(key, f"{key}_auto", why, _INSTEAD_OF_AUTO[key])


def _definition(text: str, limits: Limits) -> str:
    return canonical(parse_definition(text, limits))


def _definitions(texts: Mapping[str, str], limits: Limits) -> dict[str, str]:
    return {
        name: _placed(f"transformations.{name}", partial(_definition, text, limits))
        for name, text in sorted(texts.items())
    }


def _placed(place: str, read: Callable[[], T]) -> T:
    """What `read` gives; its refusal says which member of the order it is about."""
    try:
        return read()
    except BadTransformation as error:
        raise BadTransformation(f"{place}: {error.detail}", **{**error.facts, "member": place}) from error
