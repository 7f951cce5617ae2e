"""Jobs as they travel: what a job is, its tasks for the nodes' processors, and what came of each. Pure.

A job is what people ask for and watch; a task is the part of it that one node does at once. Tasks lie in
the work queue of the region that is to do them (`job_stream`), on subjects that name kind, set and job:
`atoll.<region>.work.<kind>.<set>.<job>`, sealed as events are. What came of a task is an event of the
region's ordinary stream (`events.JobTask`). A task may be done twice – whoever did it may have died before
he could say so – so every kind of work is one that does no harm when repeated, and its outcome is known by
its number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from atoll.ids import derived_id
from atoll.model import AssetRecord, BucketName, Identifier, Label, Milliseconds, Size, Uploader
from atoll.signing import Keys, Ticket, seal, seal_matches

JobKind = Literal["upload", "fetch", "transform", "apply", "look", "export"]
TaskState = Literal["running", "done", "failed", "parked", "cancelled"]

SIGNATURE_HEADER = "Atoll-Signature"
MAX_TASK_BYTES = 512 * 1024  # NATS takes 1 MiB; headers and what is around the items want some of it
MAX_ERRORS = 20  # told of one task; the number of failures is always whole
MAX_DETAIL_CHARS = 300
_UPLOAD_JOB = 1_000_000  # a number that no file or task derives an id with
CANCEL_SUBJECT = "atoll.jobs.cancel"


class BadTask(ValueError):
    """A message that is no task of ours."""


class JobItem(Struct, frozen=True):
    """One asset of a task. `handle`: `SET/SHA256.EXT`; `bytes`: its size."""

    asset_id: Identifier
    public_id: str
    handle: str
    bytes: Size = 0


class RenderWork(Struct, frozen=True, tag_field="kind", tag="render"):
    """Make these transformations (canonical text) of these images, so that nobody waits for them later."""

    bucket: BucketName
    items: tuple[JobItem, ...]
    transformations: tuple[str, ...]


class ApplyWork(Struct, frozen=True, tag_field="kind", tag="apply"):
    """Make of each of these images, as it is in its record, a new version: what `transformation` (canonical
    text that does not depend on who asks) makes of it. `by`: who has it made."""

    bucket: BucketName
    items: tuple[AssetRecord, ...]
    transformation: str
    by: Uploader = ""


class LookWork(Struct, frozen=True, tag_field="kind", tag="look"):
    """Look at these images again: faces, colours, placeholders."""

    bucket: BucketName
    items: tuple[JobItem, ...]


class ExportWork(Struct, frozen=True, tag_field="kind", tag="export"):
    """Put these images into one ZIP file called `name`, kept for `keep_seconds`."""

    bucket: BucketName
    items: tuple[JobItem, ...]
    name: str
    keep_seconds: int


class FetchWork(Struct, frozen=True, tag_field="kind", tag="fetch"):
    """Fetch an image from `url`; store it as if it had been uploaded as the ticket's file number `file`."""

    url: str
    ticket: Ticket
    file: Annotated[int, Meta(ge=0)] = 0


Work = RenderWork | ApplyWork | LookWork | ExportWork | FetchWork
Item = TypeVar("Item", JobItem, AssetRecord)


class Task(Struct, frozen=True):
    """The part of a job that one node does at once. `number` counts from 0 within the job."""

    id: Identifier
    job: Identifier
    number: Annotated[int, Meta(ge=0)]
    region: Label
    set: Label
    at: Milliseconds
    work: Work

    @property
    def kind(self) -> str:
        return str(self.work.__struct_config__.tag)

    @property
    def subject(self) -> str:
        return f"atoll.{self.region}.work.{self.kind}.{self.set}.{self.job}"


class ItemError(Struct, frozen=True):
    """What went wrong with one item: a problem's slug, and a sentence."""

    item: str
    problem: str
    detail: str


class JobFile(Struct, frozen=True):
    """A file that a task made, on `node`. `path` is below the node's URL and needs a signature; until
    `expires_at` (Unix milliseconds)."""

    name: str
    node: Label
    path: str
    bytes: Size
    sha256: str
    files: int
    expires_at: Milliseconds


class JobFacts(Struct, frozen=True):
    """What is known of a job when it is made. `prefix`: of the public_ids it concerns; `by`: whose key."""

    id: Identifier
    kind: JobKind
    bucket: BucketName
    prefix: str
    by: str
    created_at: Milliseconds
    tasks: int
    items: int


class TaskOutcome(Struct, frozen=True):
    """How far a task is, or how it ended. `tries` so far; `done` and `failed` count items.

    `assets`: ids of assets that the task made. `removed`: nothing but that the files it made until then are
    there no more, because an image in them was erased.
    """

    job: Identifier
    number: Annotated[int, Meta(ge=0)]
    state: TaskState
    tries: int
    done: int = 0
    failed: int = 0
    errors: Annotated[tuple[ItemError, ...], Meta(max_length=MAX_ERRORS)] = ()
    files: tuple[JobFile, ...] = ()
    assets: tuple[Identifier, ...] = ()
    removed: bool = False

    @property
    def final(self) -> bool:
        return self.state != "running"


class CancelOrder(Struct, frozen=True):
    """To all processors: let go of this job's tasks."""

    job: Identifier


_tasks = msgspec.json.Decoder(Task)
_cancels = msgspec.json.Decoder(CancelOrder)


def new_task(job: str, number: int, region: str, set_name: str, at: int, work: Work) -> Task:
    """The task of a job with this number; its id follows from both, so that making it again is no other."""
    return Task(derived_id(job, number + 1), job, number, region, set_name, at, work)


def upload_job_id(version: str) -> str:
    """The id of the job that an upload in the background begins: the same when the upload is repeated."""
    return derived_id(version, _UPLOAD_JOB)


def stream_of(region: str) -> str:
    """The name of a region's work queue."""
    return f"ATOLL_JOBS_{region.upper()}"


def stream_subjects(region: str) -> list[str]:
    """What a region's work queue keeps."""
    return [f"atoll.{region}.work.>"]


def set_subjects(region: str, set_name: str) -> list[str]:
    """The tasks of one set in a region."""
    return [f"atoll.{region}.work.*.{set_name}.*"]


def job_subject(job: str) -> str:
    """The tasks of one job, in whatever region."""
    return f"atoll.*.work.*.*.{job}"


def task_body(task: Task) -> bytes:
    """A task as published."""
    return msgspec.json.encode(task)


def open_task(subject: str, body: bytes, headers: dict[str, str] | None, keys: Keys) -> Task:
    """The task in a message; `BadTask` says what is wrong with it."""
    if not seal_matches(keys.event, subject, body, (headers or {}).get(SIGNATURE_HEADER, "")):
        raise BadTask("the signature is missing or wrong")
    try:
        task = _tasks.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadTask(str(error)) from error
    if task.subject != subject:
        raise BadTask(f"a task for {task.subject} came on {subject}")
    return task


def seal_cancel(job: str, keys: Keys) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the word that a job is cancelled."""
    body = msgspec.json.encode(CancelOrder(job))
    return body, {SIGNATURE_HEADER: seal(keys.event, CANCEL_SUBJECT, body)}


def open_cancel(body: bytes, headers: dict[str, str] | None, keys: Keys) -> str:
    """The job that is cancelled; `BadTask` for what is not ours."""
    if not seal_matches(keys.event, CANCEL_SUBJECT, body, (headers or {}).get(SIGNATURE_HEADER, "")):
        raise BadTask("the signature is missing or wrong")
    try:
        return _cancels.decode(body).job
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadTask(str(error)) from error


def packs(items: Iterable[Item], most: int, most_bytes: int = MAX_TASK_BYTES) -> Iterator[list[Item]]:
    """`items` in portions of at most `most`, none of them too long for a message."""
    pack: list[Item] = []
    size = 0
    for item in items:
        length = len(msgspec.json.encode(item)) + 1
        if pack and (len(pack) >= most or size + length > most_bytes):
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += length
    if pack:
        yield pack


def export_path(job: str, number: int) -> str:
    """Where the file of an export's task lies below its node's URL: hard to guess, and signed too."""
    digest = hashlib.sha256(f"{job}/{number}".encode()).hexdigest()[:16]
    return f"/v1/exports/{job}-{number}-{digest}.zip"


def export_task(name: str) -> tuple[str, int] | None:
    """The job and the task's number that the file `name` of an `export_path` is of; None: of none."""
    job, _, rest = name.partition("-")
    number = rest.partition("-")[0]
    if not (number.isdecimal() and export_path(job, int(number)).endswith(f"/{name}")):
        return None
    return job, int(number)
