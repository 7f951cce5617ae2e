"""What is asked and answered about webhooks, and what they carry. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from atoll.model import BucketName

HookEvent = Literal["asset.stored", "asset.updated", "asset.deleted", "job.done", "job.failed"]
HookUrl = Annotated[str, Meta(min_length=8, max_length=2048)]
DeliveryState = Literal["waiting", "delivered", "failed"]


class HookOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint: where events go. Without `events` all kinds do, without `buckets` of every bucket."""

    url: HookUrl
    events: Annotated[tuple[HookEvent, ...], Meta(max_length=16)] = ()
    buckets: Annotated[tuple[BucketName, ...], Meta(max_length=256)] = ()


class HookView(Struct, frozen=True):
    """An endpoint, without its secret."""

    id: str
    url: str
    events: tuple[HookEvent, ...]
    buckets: tuple[str, ...]
    created_at: str


class MadeHook(Struct, frozen=True):
    """An endpoint and, this once, the secret that signs what it gets."""

    webhook: HookView
    secret: str


class HookList(Struct, frozen=True):
    """Every endpoint."""

    webhooks: tuple[HookView, ...]


class HookMessage(Struct, frozen=True):
    """What is sent. `id` is the same however often it is."""

    id: str
    type: HookEvent
    created_at: str
    data: dict[str, Any]


class Attempt(Struct, frozen=True):
    """One try. `status`: what the endpoint answered; None: it did not, and `detail` says why."""

    at: str
    status: int | None
    detail: str
    seconds: float


class DeliveryView(Struct, frozen=True):
    """An event on its way to an endpoint. `next_try`: of one that waits."""

    id: str
    event: str
    type: HookEvent
    state: DeliveryState
    created_at: str
    next_try: str | None
    attempts: tuple[Attempt, ...]
    body: str


class DeliveryList(Struct, frozen=True):
    """Deliveries, the newest first; `next_cursor` asks for older ones."""

    deliveries: tuple[DeliveryView, ...]
    next_cursor: str | None
