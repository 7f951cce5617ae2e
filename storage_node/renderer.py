"""Derivatives out of blobs: the node's order to its rendering workers.

Turns an `Order` into a file at its place or into one of our errors; decoding, drawing and encoding happen in
`render_worker`, in processes that `worker_pool` owns. A worker writes into the staging directory; only what
is whole is moved to its place, and what is not is removed, however the worker ended. Whether a derivative is
wanted, may be asked for, and exists already is decided by the caller. Never decodes a byte in the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

from msgspec import structs

from atoll.errors import Overloaded, TooManyRequests, Unavailable
from atoll.model import Face
from atoll.transformation.hints import open_questions
from atoll.transformation.steps import Format, Named, Transformation
from storage_node.render_landing import Landing
from storage_node.render_protocol import (
    REQUEST_ENCODER,
    PictureFile,
    Rendered,
    RenderLimits,
    RenderRequest,
)
from storage_node.sniff import ImageType
from storage_node.text_fonts import Fonts, package_families
from storage_node.worker_pool import JobCrashed, JobStarved, JobTimedOut, Pending, PoolLimits, WorkerPool
from storage_node.worker_sandbox import Sandbox

__all__ = ["Face", "Order", "PendingRender", "RenderLimits", "Rendered", "Renderer"]

_WORKER = "storage_node.render_worker"
_MAX_OUTPUT_BYTES = 128 << 20  # 4,096 x 4,096 pixels of noise as PNG have 64 MB


@dataclass(frozen=True, slots=True)
class Order:
    """One derivative to be made.

    `source` and the files of `layers` (by public_id) must stay until the result is there. `transformation`
    says no `auto` and no `t_NAME` any more. `format` "plain": jpg, or png where there is transparency; None:
    the source's own where that can be written, else plain.
    `limits`: a bucket's own, instead of the node's. `faces`: as found at upload; None: nobody has looked.
    `stands_for`: see `PictureFile`.
    """

    source: Path
    image_type: ImageType
    output: Path
    transformation: Transformation
    format: Format | Literal["plain"] | None = None
    layers: Mapping[str, tuple[Path, ImageType]] = field(default_factory=dict)
    faces: tuple[Face, ...] | None = None
    limits: RenderLimits | None = None
    stands_for: tuple[int, int] | None = None


class PendingRender:
    """A derivative on its way. Its owner calls `result` or `wait` once, or `abandon`.

    Both raise Undecodable and TooManyPixels (the picture's fault), Unrenderable (the transformation's),
    TooManyRequests (no worker free in time) and Unavailable (ours).
    """

    def __init__(self, pending: Pending, landing: Landing) -> None:
        self._pending = pending
        self._landing = landing
        pending.when_done(landing.land)

    def result(self) -> Rendered:
        """For a thread."""
        try:
            self._pending.result()
        except Overloaded as error:
            raise _too_many(error) from None
        except (JobTimedOut, JobStarved, JobCrashed, Unavailable):
            pass  # the landing says the same in its own words, once the disk is tidy
        return self._landing.outcome.result()

    async def wait(self) -> Rendered:
        """For the event loop. Cancelling the wait abandons the derivative."""
        try:
            with contextlib.suppress(JobTimedOut, JobStarved, JobCrashed, Unavailable):  # as above
                await self._pending.wait()
            if self._landing.outcome.done():  # nearly always: a job lands before its end is told
                return self._landing.outcome.result()
            return await asyncio.wrap_future(self._landing.outcome)
        except Overloaded as error:
            raise _too_many(error) from None
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """The derivative is not wanted any more: not begun, or removed once its worker has ended with it."""
        self._landing.wanted = False
        self._pending.abandon()


class Renderer:
    """Renders in worker processes; thread-safe between `start` and `close`."""

    def __init__(
        self,
        staging: Path,
        pool: PoolLimits,
        limits: RenderLimits = RenderLimits(),  # noqa: B008 - frozen
        memory_bytes: int = 1 << 30,
        fonts: Fonts | None = None,
        any_core: bool = False,
        niceness: int = 0,
    ) -> None:
        """`staging`: on the file system of every output, and cleared at start by who owns the data directory.

        `memory_bytes`: address space of one worker; the largest allowed picture needs some 900 MB.
        `fonts`: None is the family that comes along.
        """
        self._staging = staging.absolute()
        self._limits = limits
        self._fonts = fonts or Fonts(package_families())
        self._pool_limits = pool
        self._numbers = itertools.count()
        sandbox = Sandbox(
            memory_bytes=memory_bytes,
            cpu_seconds=pool.cpu_seconds,
            file_bytes=_MAX_OUTPUT_BYTES,
            any_core=any_core,
            niceness=niceness,
        )
        self.pool = WorkerPool("rendering", sandbox.command(_WORKER), pool)

    def start(self) -> None:
        """Start the workers; returns when all are warm. Raises Unavailable."""
        self.pool.start()

    def close(self) -> None:
        """End the workers; whoever still waits gets Unavailable."""
        self.pool.close()

    def __enter__(self) -> Renderer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, order: Order) -> PendingRender:
        """Ask for a derivative; returns at once. Raises TooManyRequests, Unavailable, Unrenderable."""
        staged = self._staging / f"{os.getpid()}-{next(self._numbers)}.rendering"
        request = REQUEST_ENCODER.encode(self._request(order, staged))
        try:
            pending = self.pool.begin(request)
        except Overloaded as error:
            raise _too_many(error) from None
        return PendingRender(pending, Landing(staged, order.output, order.image_type, self._pool_limits))

    def _request(self, order: Order, staged: Path) -> RenderRequest:
        assert not any(isinstance(step, Named) for step in order.transformation.steps)
        assert not open_questions(order.transformation)
        return RenderRequest(
            structs.replace(_file(order.source, order.image_type), stands_for=order.stands_for),
            str(staged),
            order.transformation,
            order.format,
            {public_id: _file(*layer) for public_id, layer in order.layers.items()},
            order.faces,
            order.limits or self._limits,
            self._fonts.needed(order.transformation),
        )


def _file(path: Path, image_type: ImageType) -> PictureFile:
    return PictureFile(str(path.absolute()), image_type.decoder)


def _too_many(error: Overloaded) -> TooManyRequests:
    """429, not the 503 of an overloaded daemon: everything but new derivatives is served."""
    return TooManyRequests(error.detail, **error.facts)
