"""How much a derivative may ask for here: the node's settings, narrowed by the bucket's policy. Pure.

A bucket may forbid more than the node does and allow no more: the node's limits protect the node.
"""

from __future__ import annotations

from msgspec.structs import asdict

from atoll.bucket import RenderPolicy
from atoll.transformation.limits import Limits
from atoll.transformation.policy import limits_of
from storage_node.inspection_protocol import InspectionLimits
from storage_node.render_protocol import RenderLimits
from storage_node.settings import NodeSettings


def own_limits(settings: NodeSettings) -> Limits:
    """The node's limits of the grammar."""
    return Limits(components=settings.max_components, layers=settings.max_layers, side=settings.max_side)


def grammar_limits(policy: RenderPolicy, own: Limits) -> Limits:
    """`own`, narrowed by `policy`."""
    said, most = asdict(limits_of(policy, own)), asdict(own)
    return Limits(**{name: min(limit, most[name]) for name, limit in said.items()})


def render_limits(policy: RenderPolicy, settings: NodeSettings) -> RenderLimits:
    """What a rendering worker may take and make for a bucket of this policy."""
    pixels = _least(policy.max_pixels, settings.max_pixels)
    return RenderLimits(
        source=InspectionLimits(
            max_pixels=pixels,
            max_frames=_least(policy.max_frames, settings.max_frames),
            max_frame_pixels_sum=pixels,
            max_parts=settings.max_parts,
            max_scans=settings.max_scans,
        ),
        max_side=_least(policy.max_side, settings.max_side),
        max_output_frame_pixels_sum=_least(policy.max_frame_pixels, settings.max_frame_pixels),
        max_art_pixels=_least(policy.max_art_pixels, settings.max_art_pixels),
    )


def _least(policy: int | None, own: int) -> int:
    return own if policy is None else min(policy, own)


def may_be_source(ext: str, policy: RenderPolicy, settings: NodeSettings) -> bool:
    """Whether pictures of this type are opened at all."""
    return ext in settings.render_sources and (policy.sources is None or ext in policy.sources)
