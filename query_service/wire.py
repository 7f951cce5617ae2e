"""What this service is asked and answers, beyond the types all daemons share. Pure.

What it is asked refuses unknown members, so that a misspelt limit is an error and not no limit.
Times are RFC 3339 in UTC, distances km, sizes bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from atoll.model import AltText, Context, Extension, FormField, Tags, Title
from atoll.uploaders import Session

Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Seconds = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(max_length=1024)]  # looked at more closely where it is used


class UploadOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for an upload ticket. `max_bytes` may only lower what bucket and service allow.

    `eager`: transformations that are made as soon as the image is stored, beside those of the bucket.
    Without `overwrite` an upload to a name that is taken is refused. With `async` the node answers 202 with
    a job as soon as the bytes are durable: eager transformations are made by that job.
    `session`: the visitor that the application uploads for, in its own words, for /v1/history.
    `form_fields`: what a visitor's form may add to the words of this order.
    """

    bucket: Text
    public_id: Text | None = None
    files: Annotated[int, Meta(ge=1)] = 1
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    tags: Tags = ()
    context: Context = {}
    title: Title = ""
    alt: AltText = ""
    durability: Text | None = None
    eager: tuple[str, ...] = ()
    overwrite: bool = True
    background: bool = field(default=False, name="async")
    session: Session | None = None
    form_fields: tuple[FormField, ...] = ()


class UploadLimits(Struct, frozen=True):
    """What the node will hold an upload to."""

    max_bytes: int
    max_files: int
    max_pixels: int
    allowed: tuple[Extension, ...]


class TicketView(Struct, frozen=True):
    """A ticket, and all a client needs to use it. Several files go by POST, as multipart."""

    upload_url: str
    method: Literal["PUT", "POST"]
    ticket: str
    node: str
    region: str
    set: str
    asset_id: str
    public_id: str
    bucket: str
    expires_at: str
    limits: UploadLimits


class ResolveItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One of: `asset_id`; `bucket` and `public_id`; `bucket` and `handle`.

    `t` is the transformation that shall be made of it; without it that of the whole order.
    """

    asset_id: Text | None = None
    bucket: Text | None = None
    public_id: Text | None = None
    handle: Text | None = None
    t: str | None = None  # the grammar refuses what is too long, for this item alone


class ResolveOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Many assets or handles to find at once, for one client position.

    `t` is the transformation for every item that names none of its own.
    """

    items: list[ResolveItem]
    lat: Latitude | None = None
    lon: Longitude | None = None
    region: Text | None = None
    expires_in: Seconds | None = None
    t: str | None = None
    net: Text | None = None


class Offer(Struct, frozen=True, omit_defaults=True, gc=False):
    """One node that may be asked for the bytes.

    `unconfirmed`: not known to hold them, it will pull them through. `suspect`: gives no sign of life.
    """

    url: str
    node: str
    region: str
    distance_km: float
    unconfirmed: bool = False
    suspect: bool = False


class Resolved(Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Where to get an image: the best node, then the others in order. No `asset_id` for a handle.

    With a transformation: its canonical text, and (not for a handle) `image_url`, the address on this service
    that always leads to the asset's current image, so transformed.
    """

    asset_id: str | UnsetType = UNSET
    url: str
    node: str
    region: str
    distance_km: float
    alternatives: list[Offer]
    expires_at: str | None
    sha256: str
    unconfirmed: bool = False
    suspect: bool = False
    image_url: str | UnsetType = UNSET
    transformation: str | UnsetType = UNSET


class DeletedView(Struct, frozen=True):
    """A delete that is durable on `node`."""

    asset_id: str
    deleted_at: str
    node: str
