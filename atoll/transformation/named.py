"""`t_NAME`: putting in what a bucket calls by that name. Pure.

What a URL says about the result wins over what a name says about it; of two names the later one wins. A
signature is over the form with names; derivatives are kept by the form without (`files`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from msgspec.structs import asdict

from atoll.transformation.canonical import canonical
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.parser import parse
from atoll.transformation.refusals import closest, refused
from atoll.transformation.steps import Delivery, Named, Transformation

_PLAIN = asdict(Delivery())


def is_one_name(transformation: Transformation) -> bool:
    """Whether it is a name and nothing else: what a public bucket serves without a signature.

    One, for chains of them are arbitrary again: of ten names anybody could have millions of pictures made.
    """
    first = transformation.steps[0] if transformation.steps else None
    return isinstance(first, Named) and transformation == Transformation((first,))


def expanded(
    transformation: Transformation, known: Mapping[str, Transformation], limits: Limits = DEFAULTS
) -> Transformation:
    """The same without names. `BadTransformation` for an unknown name, or when all together is too much."""
    names = [step.name for step in transformation.steps if isinstance(step, Named)]
    if not names:
        return transformation
    meant = {name: _known(name, known) for name in names}
    steps = chain.from_iterable(
        meant[step.name].steps if isinstance(step, Named) else (step,) for step in transformation.steps
    )
    layers = [meant[name] for name in names] + [transformation]
    whole = Transformation(
        steps=tuple(steps),
        delivery=_last_said([each.delivery for each in layers]),
        page=next((each.page for each in reversed(layers) if each.page is not None), None),
        fallback=next((each.fallback for each in reversed(layers) if each.fallback is not None), None),
    )
    return parse(canonical(whole), limits)  # names may be many: the limits hold for what is done


def _known(name: str, known: Mapping[str, Transformation]) -> Transformation:
    if name not in known:
        near = f"t_{closest(name, known)}" if known else "w_300"
        raise refused("t", f"t_{name}", "the bucket has no transformation of this name", near)
    return known[name]


def _last_said(deliveries: list[Delivery]) -> Delivery:
    said: dict[str, object] = {}
    for delivery in deliveries:
        said |= {name: value for name, value in asdict(delivery).items() if value != _PLAIN[name]}
    if said.get("format") not in {None, "auto", "jpg"}:  # a name's wish for JPEG, under a URL's other format
        said.pop("progressive", None)
    return Delivery(**said)  # type: ignore[arg-type] # the fields of Delivery under their own names
