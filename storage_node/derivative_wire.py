"""How nodes of a region speak of derivatives: one internal GET, its facts in a header. Pure.

    GET /internal/v1/derivatives/{bucket}/{transformation…}/{set}/{sha256}.{ext}?form=…&layer=…&patient=1

The path is resolved: no names, no hints. `form` says what `f_` may leave open; every image layer's handle
follows, because its public_id could mean another blob to the other node. Spoken by `derivative_peers`
(asks) and `derivative_internal` (answers); who asks checks what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import parse_qs

import msgspec

from atoll.errors import BadRequest, UpstreamFailed
from atoll.names import parse_handle
from atoll.transformation.limits import Limits
from atoll.transformation.paths import node_path, parse_node_path
from storage_node.blob_address import BlobAddress
from storage_node.derivative import Derivative
from storage_node.derivative_resolution import FORMS, Form, Layer, Wanted, layer_names, wanted_exactly

PREFIX = "/internal/v1/derivatives"
FACTS = "X-Atoll-Facts"


class Question(NamedTuple):
    """What is asked of an owner. `patient`: it may be made when there is nothing else to do."""

    wanted: Wanted
    patient: bool


def path_of(question: Question) -> str:
    """The request target."""
    wanted = question.wanted
    path = node_path(wanted.address.bucket, wanted.transformation, wanted.address.handle)
    layers = "".join(f"&layer={layer.address.handle}" for layer in wanted.layers)
    return f"{PREFIX}{path}?form={wanted.form}{layers}{'&patient=1' if question.patient else ''}"


def question_of(target: str, limits: Limits) -> Question:
    """What a request target asks; `BadRequest` and its kin when it is not one of ours."""
    path, _, query = target.removeprefix(PREFIX).partition("?")
    found, asked = parse_node_path(path, limits), parse_qs(query)
    form = asked.get("form", [""])[0]
    if found.transformation is None or form not in FORMS:
        raise BadRequest("This is no derivative, or form= is missing.")
    public_ids, handles = layer_names(found.transformation), asked.get("layer", [])
    if len(public_ids) != len(handles):
        raise BadRequest("Every image layer has a layer=.")
    layers = tuple(
        Layer(public_id, BlobAddress(found.bucket, parse_handle(handle)))
        for public_id, handle in zip(public_ids, handles, strict=True)
    )
    address = BlobAddress(found.bucket, found.handle)
    try:
        wanted = wanted_exactly(address, found.transformation, cast(Form, form), layers)
    except ValueError as error:
        raise BadRequest("This transformation is not resolved.") from error
    return Question(wanted, "patient" in asked)


def facts_header(derivative: Derivative) -> str:
    """A derivative's facts for a header."""
    return msgspec.json.encode(derivative).decode("ascii")


def facts_of(headers: Mapping[str, str], wanted: Wanted, node: str) -> Derivative:
    """The facts that came with an answer; `UpstreamFailed` when they are of something else."""
    try:
        facts = msgspec.json.decode(headers.get(FACTS, ""), type=Derivative)
    except msgspec.MsgspecError as error:
        raise UpstreamFailed(f"Node {node} answers nonsense.", node=node) from error
    right_form = facts.format in {"jpg", "png"} if wanted.form == "plain" else facts.format == wanted.form
    if facts.key != wanted.key or facts.layers != wanted.layer_hashes or not right_form:
        raise UpstreamFailed(f"Node {node} answers with another derivative.", node=node)
    return facts
