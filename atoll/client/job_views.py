"""What query services answer about jobs and webhooks, as the client reads it. Pure."""

from __future__ import annotations

from msgspec import Struct

from atoll.jobs import ItemError

ENDED = frozenset({"done", "failed", "cancelled"})


class JobProgress(Struct, frozen=True):
    """How far a job is: `items` are images, `tasks` the parts that nodes do at once."""

    items: int
    done: int
    failed: int
    tasks: int
    tasks_done: int


class JobFile(Struct, frozen=True):
    """A file a job made: download `url` before `expires_at`."""

    name: str
    url: str
    bytes: int
    sha256: str
    files: int
    node: str
    expires_at: str


class Job(Struct, frozen=True):
    """A job. `state`: preparing, queued, running, done, failed or cancelled."""

    id: str
    kind: str
    bucket: str
    prefix: str
    state: str
    created_at: str
    finished_at: str | None
    by: str
    progress: JobProgress
    errors: tuple[ItemError, ...]
    files: tuple[JobFile, ...]
    assets: tuple[str, ...]

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobPage(Struct, frozen=True):
    """Jobs, the newest first; `next_cursor` asks for older ones."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


class Webhook(Struct, frozen=True):
    """An endpoint that events are sent to."""

    id: str
    url: str
    events: tuple[str, ...]
    buckets: tuple[str, ...]
    created_at: str


class MadeWebhook(Struct, frozen=True):
    """An endpoint and, this once, the secret that signs what it gets."""

    webhook: Webhook
    secret: str


class DeliveryAttempt(Struct, frozen=True):
    """One try to deliver."""

    at: str
    status: int | None
    detail: str
    seconds: float


class Delivery(Struct, frozen=True):
    """An event on its way. `state`: waiting, delivered or failed."""

    id: str
    event: str
    type: str
    state: str
    created_at: str
    next_try: str | None
    attempts: tuple[DeliveryAttempt, ...]
    body: str


class DeliveryPage(Struct, frozen=True):
    """Deliveries, the newest first."""

    deliveries: tuple[Delivery, ...]
    next_cursor: str | None
