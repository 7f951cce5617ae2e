"""Whether hostile bytes are a picture we can decode: the node's question to its inspection workers.

Turns a file and its sniffed type into an `Inspection` or into one of our errors; the decoding itself happens
in `inspection_worker`, in processes that `worker_pool` owns. Never decodes a byte in the daemon. Called by
the ingest path, from its threads: `begin` before the file's fdatasync, `result` after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from atoll.errors import AtollError, TooManyPixels, Unavailable, Undecodable
from storage_node.inspection_protocol import (
    FACES,
    REPLY_DECODER,
    REQUEST_ENCODER,
    Inspection,
    InspectionLimits,
    InspectionRequest,
    Refusal,
)
from storage_node.looks import extra
from storage_node.sniff import ImageType
from storage_node.worker_pool import JobCrashed, JobStarved, JobTimedOut, Pending, PoolLimits, WorkerPool
from storage_node.worker_sandbox import Sandbox

__all__ = ["Inspection", "InspectionLimits", "Inspector", "PendingInspection"]

_WORKER = "storage_node.inspection_worker"
_STARVED_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class PendingInspection:
    """A picture being looked at. Its owner calls `result` once, or `abandon`."""

    _pending: Pending
    _type: ImageType
    _limits: PoolLimits

    def result(self) -> Inspection:
        """Wait for what was found.

        Raises Undecodable and TooManyPixels (the picture's fault), Overloaded and Unavailable (ours).
        """
        try:
            reply = REPLY_DECODER.decode(self._pending.result())
        except JobTimedOut:
            raise self._too_slow() from None
        except JobStarved:
            raise self._starved() from None
        except (JobCrashed, msgspec.DecodeError):
            raise _undecodable(self._type, "decoder_crashed", "makes its decoder crash") from None
        if isinstance(reply, Refusal):
            raise _error_of(reply, self._type)
        return reply

    def abandon(self) -> None:
        """The answer is not wanted any more; the file may be removed."""
        self._pending.abandon()

    def _too_slow(self) -> Undecodable:
        limit = self._limits.cpu_seconds
        return Undecodable(
            f"Decoding this {self._type.name} takes more than {limit:g} s of processor time.",
            reason="inspection_timeout",
            limit_seconds=limit,
        )

    def _starved(self) -> Unavailable:
        return Unavailable(
            f"The node is too busy to check this {self._type.name} within {self._limits.job_seconds:g} s.",
            reason="inspection_starved",
            retry_after=_STARVED_RETRY_SECONDS,
        )


class Inspector:
    """Inspects pictures in worker processes; thread-safe between `start` and `close`."""

    def __init__(
        self,
        pool: PoolLimits = PoolLimits(),  # noqa: B008 - frozen
        limits: InspectionLimits = InspectionLimits(),  # noqa: B008 - frozen
        memory_bytes: int = 1 << 30,
        *,
        find_faces: bool = False,
        any_core: bool = False,
    ) -> None:
        """`memory_bytes`: address space of one worker; the largest allowed picture needs some 900 MB.

        `find_faces` needs the extra (`extra.cascade`), and adds what that takes to the memory.
        """
        self._limits = limits
        self._pool_limits = pool
        sandbox = Sandbox(
            memory_bytes=memory_bytes + (extra.MEMORY_BYTES if find_faces else 0),
            cpu_seconds=pool.cpu_seconds,
            any_core=any_core,
        )
        command = [*sandbox.command(_WORKER), *([FACES] if find_faces else [])]
        self.pool = WorkerPool("inspection", command, pool)

    def start(self) -> None:
        """Start the workers; returns when all are warm. Raises Unavailable."""
        self.pool.start()

    def launch(self) -> None:
        """Start the workers and do not wait; `wait_warm` says whether they came up."""
        self.pool.launch()

    def wait_warm(self) -> None:
        """Return when all are warm. Raises Unavailable."""
        self.pool.wait_warm()

    def close(self) -> None:
        """End the workers; whoever still waits gets Unavailable."""
        self.pool.close()

    def __enter__(self) -> Inspector:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(
        self, path: Path, image_type: ImageType, limits: InspectionLimits | None = None
    ) -> PendingInspection:
        """Ask about the file at `path`, which must stay until the result is there; returns at once.

        `limits`: a bucket's own, instead of the node's. Raises Overloaded, Unavailable.
        """
        request = InspectionRequest(str(path.absolute()), image_type.decoder, limits or self._limits)
        return PendingInspection(
            self.pool.begin(REQUEST_ENCODER.encode(request)), image_type, self._pool_limits
        )


def _error_of(refusal: Refusal, image_type: ImageType) -> AtollError:
    match refusal.code:
        case "too_many_pixels":
            return TooManyPixels(f"This {image_type.name} has more pixels than allowed.", **refusal.facts)
        case "too_many_frames":
            return TooManyPixels(f"This {image_type.name} has more frames than allowed.", **refusal.facts)
        case "truncated":
            return _undecodable(image_type, "truncated", "is truncated: its end is missing")
        case "too_many_parts":
            what = "has more parts or scans than a picture needs"
            return Undecodable(f"This {image_type.name} {what}.", reason=refusal.code, **refusal.facts)
        case "out_of_memory":
            return _undecodable(image_type, "out_of_memory", "needs more memory to decode than allowed")
        case "undecodable":
            return _undecodable(image_type, "undecodable", "cannot be decoded")
        case "unreadable":
            return Unavailable("The node could not read the picture back from its disk.")


def _undecodable(image_type: ImageType, reason: str, what: str) -> Undecodable:
    return Undecodable(f"This {image_type.name} {what}.", reason=reason)
