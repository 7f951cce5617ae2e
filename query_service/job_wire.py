"""What is asked and answered about jobs. Pure.

Orders refuse unknown members. Times are RFC 3339 in UTC, sizes bytes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from atoll.jobs import ItemError, JobKind
from atoll.model import Identifier, Label
from query_service.job_documents import JobState
from query_service.wire import Text

AssetIds = Annotated[tuple[Identifier, ...], Meta(min_length=1)]
KeepSeconds = Annotated[int, Meta(ge=60, le=604_800)]


class TransformOrder(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="transform"):
    """Make transformations of existing images now: of those whose public_id begins with `prefix`, or of
    `asset_ids`. `regions`: where; without it in one region, the nearest to this service that holds them.
    """

    bucket: Text
    transformations: Annotated[tuple[str, ...], Meta(min_length=1)]
    prefix: Text | None = None
    asset_ids: AssetIds | None = None
    regions: Annotated[tuple[Label, ...], Meta(max_length=64)] = ()


class ApplyOrder(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="apply"):
    """Make a new version of each image: what `transformation` makes of the current one. Tags, context and
    words stay. The transformation may not depend on who asks: no `f_auto`, `w_auto`, `dpr_auto`.
    """

    bucket: Text
    transformation: str
    prefix: Text | None = None
    asset_ids: AssetIds | None = None


class LookOrder(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="look"):
    """Look at images again, as at their upload: for faces, colour and placeholders."""

    bucket: Text
    prefix: Text | None = None
    asset_ids: AssetIds | None = None


class ExportOrder(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="export"):
    """Put images into ZIP files to download; those are kept for `keep_seconds`."""

    bucket: Text
    prefix: Text | None = None
    asset_ids: AssetIds | None = None
    keep_seconds: KeepSeconds = 86_400


JobOrder = TransformOrder | ApplyOrder | LookOrder | ExportOrder


class JobFileView(Struct, frozen=True):
    """A file that a job made: `files` images, at `url` until `expires_at`."""

    name: str
    url: str
    bytes: int
    sha256: str
    files: int
    node: str
    expires_at: str


class JobProgress(Struct, frozen=True):
    """How far it is. `items` are images, `tasks` the parts that nodes do at once."""

    items: int
    done: int
    failed: int
    tasks: int
    tasks_done: int


class JobView(Struct, frozen=True):
    """A job. `state`: preparing, queued, running, then done, failed or cancelled. One that is done may have
    items that failed: `errors` tells of the first 100. `assets`: what it stored.
    """

    id: str
    kind: JobKind
    bucket: str
    prefix: str
    state: JobState
    created_at: str
    finished_at: str | None
    by: str
    progress: JobProgress
    errors: tuple[ItemError, ...]
    files: tuple[JobFileView, ...]
    assets: tuple[str, ...]


class JobList(Struct, frozen=True):
    """Jobs, the newest first; `next_cursor` asks for older ones."""

    jobs: tuple[JobView, ...]
    next_cursor: str | None
