"""A bucket and its policies, as the cluster map has them: frozen wire types. Pure.

They are in the map, not in the catalog, so that nodes hold to them with the database down.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.durability import LOCAL, Durability
from atoll.model import BucketName, Count, Extension, Label, Milliseconds, Size, Tag

TransformationName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$(?!\n)")]
TransformationText = Annotated[str, Meta(min_length=1, max_length=3000)]
# A web origin as RFC 6454 serializes it, or "*" for all.
Origin = Annotated[str, Meta(pattern=r"^(?:\*|https?://[a-z0-9.\-\[\]:]{1,253})$(?!\n)")]
# A host name, or "*." and a domain for all hosts under it.
HostPattern = Annotated[str, Meta(pattern=r"^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$(?!\n)")]


class RenderPolicy(Struct, frozen=True):
    """How much a derivative of a bucket's image may ask for. A limit that is None is the node's own.

    `max_pixels` of one frame and of all together, before anything is decoded; `max_frame_pixels` of all
    frames of the result; `max_side` of the result in pixels; `max_art_pixels` that a filter of `e_art`
    takes; `sources`: formats that are opened at all.
    """

    max_pixels: Count | None = None
    max_frames: Count | None = None
    max_side: Count | None = None
    max_components: Count | None = None
    max_layers: Size | None = None
    sources: tuple[Extension, ...] | None = None
    max_frame_pixels: Count | None = None
    max_art_pixels: Count | None = None


class LifecycleRule(Struct, frozen=True):
    """Assets expire `expire_days` days after their creation, where prefix of public_id and tag fit."""

    expire_days: Annotated[int, Meta(ge=1, le=36_500)]
    prefix: Annotated[str, Meta(max_length=512)] = ""
    tag: Tag | None = None


class Quota(Struct, frozen=True):
    """What all assets of a bucket may come to, counting each blob once; None: no limit."""

    bytes: Size | None = None
    assets: Size | None = None


class Ending(Struct, frozen=True):
    """A bucket is being deleted, `since` Unix ms: nothing comes in any more.

    With `everything` what is in it is deleted (`trash_seconds`: as in a delete; None: each node's own);
    without, the nodes are only being asked whether it is empty. `by`: the API key that wants it.
    """

    since: Milliseconds
    everything: bool = False
    trash_seconds: Size | None = None
    by: str = ""


class Bucket(Struct, frozen=True):
    """A namespace of assets and its policy. A limit that is None is the node's own.

    `durability` is for uploads that do not ask for one. `transformations`: canonical text by name, for
    `t_NAME`. `eager`: canonical texts that are rendered as soon as an image is stored.
    `unsigned_transformations`: any transformation is served to anybody who may read the image. Without
    `versioning` an upload to a taken name deletes what was there. `metadata`: whether an original keeps what
    its camera wrote. `home_regions`: images stay in these regions; `cors`: web pages of these
    origins may use tickets; `fetch_hosts`: hosts that images may be fetched from; none: no fetching.
    `ending`: it is being deleted; no order sets that.
    """

    name: BucketName
    visibility: Literal["public", "private"] = "public"
    max_bytes: Size | None = None
    max_pixels: Size | None = None
    allowed: tuple[Extension, ...] | None = None
    durability: Durability = LOCAL
    transformations: dict[TransformationName, TransformationText] = {}
    eager: Annotated[tuple[TransformationText, ...], Meta(max_length=16)] = ()
    unsigned_transformations: bool = False
    rendering: RenderPolicy = RenderPolicy()
    versioning: bool = True
    metadata: Literal["keep", "strip"] = "keep"
    lifecycle: Annotated[tuple[LifecycleRule, ...], Meta(max_length=32)] = ()
    quota: Quota = Quota()
    home_regions: Annotated[tuple[Label, ...], Meta(max_length=32)] = ()
    cors: Annotated[tuple[Origin, ...], Meta(max_length=32)] = ()
    fetch_hosts: Annotated[tuple[HostPattern, ...], Meta(max_length=64)] = ()
    ending: Ending | None = None

    def is_home(self, region: str) -> bool:
        """Whether this bucket's images may lie in a region."""
        return not self.home_regions or region in self.home_regions
