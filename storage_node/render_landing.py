"""The end of a rendering: a worker's answer judged, its file moved to its place or removed.

Runs once for every job, in the thread that ended it, when no worker has a hand in the file any more: that is
why nothing half-written stays, whether the job was done, refused, killed, never begun or not wanted any more.
Called by `renderer`.
"""

from __future__ import annotations

import os
import stat
from concurrent.futures import CancelledError, Future
from pathlib import Path

import msgspec

from atoll.errors import AtollError, TooManyPixels, Unavailable, Undecodable, Unrenderable
from storage_node.render_protocol import REPLY_DECODER, Rendered, RenderRefusal, RenderRefusalCode
from storage_node.sniff import ImageType
from storage_node.worker_pool import JobCrashed, JobStarved, JobTimedOut, PoolLimits

_STARVED_RETRY_SECONDS = 5


class Landing:
    """What becomes of one job. `outcome` has the derivative's facts, or one of our errors.

    `wanted` may be set to False from any thread: a file that is not at its place yet is then removed.
    """

    def __init__(self, staged: Path, output: Path, image_type: ImageType, limits: PoolLimits) -> None:
        self.outcome: Future[Rendered] = Future()
        self.outcome.set_running_or_notify_cancel()  # from here on it is settled in `land` and nowhere else
        self.wanted = True
        self._staged = staged
        self._output = output
        self._type = image_type
        self._limits = limits

    def land(self, job: Future[bytes]) -> None:
        """Settle `outcome`; the staged file is gone when it is."""
        try:
            try:
                rendered = self._landed(job)
            finally:
                self._staged.unlink(missing_ok=True)
        except AtollError as error:
            self.outcome.set_exception(error)
        except CancelledError:
            self.outcome.set_exception(Unavailable("This derivative is not wanted any more."))
        except OSError as error:
            self.outcome.set_exception(_unavailable(error.strerror or "the disk failed"))
        else:
            self.outcome.set_result(rendered)

    def _landed(self, job: Future[bytes]) -> Rendered:
        reply = self._reply(job)
        if isinstance(reply, RenderRefusal):
            raise _error_of(reply, self._type)
        if not self.wanted:
            raise CancelledError
        found = self._staged.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != reply.size_bytes:
            raise self._crashed()  # no worker of ours says such things: it was taken over
        self._output.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._staged, self._output)
        return reply

    def _reply(self, job: Future[bytes]) -> Rendered | RenderRefusal:
        try:
            return REPLY_DECODER.decode(job.result())
        except JobTimedOut:
            limit = self._limits.cpu_seconds
            raise Unrenderable(
                f"Making this derivative takes more than {limit:g} s of processor time.",
                reason="render_timeout",
                limit_seconds=limit,
            ) from None
        except JobStarved:
            raise Unavailable(
                f"The node is too busy to make this derivative within {self._limits.job_seconds:g} s.",
                reason="render_starved",
                retry_after=_STARVED_RETRY_SECONDS,
            ) from None
        except (JobCrashed, msgspec.DecodeError):
            raise self._crashed() from None

    def _crashed(self) -> Undecodable:
        return Undecodable(f"This {self._type.name} makes its decoder crash.", reason="decoder_crashed")


_PICTURE: dict[RenderRefusalCode, str] = {
    "truncated": "is truncated: its end is missing",
    "undecodable": "cannot be decoded",
    "too_many_parts": "has more parts or scans than a picture needs",
    "out_of_memory": "needs more memory to render than allowed",
}
_TRANSFORMATION: dict[RenderRefusalCode, str] = {
    "result_too_large": "The result would be larger than allowed.",
    "no_such_page": "The image has no such page or frame.",
    "faces_unknown": "Faces cannot be hidden: nobody has looked for faces in this image.",
    "layer_missing": "An overlay is not there.",
    "font_missing": "The font of a text is not there any more, or changed while the node runs.",
    "layer_too_large": "An overlay is larger than allowed; give it a size.",
}
_NODE: dict[RenderRefusalCode, str] = {
    "unreadable": "the image could not be read from the disk",
    "not_written": "the derivative could not be written to the disk",
}


def _error_of(refusal: RenderRefusal, image_type: ImageType) -> AtollError:
    code = refusal.code
    if what := _NODE.get(code):
        return _unavailable(what)
    if what := _TRANSFORMATION.get(code):
        return Unrenderable(what, reason=code, **refusal.facts)
    if what := _PICTURE.get(code):
        return Undecodable(f"This {image_type.name} {what}.", reason=code, **refusal.facts)
    counted = "frames" if code == "too_many_frames" else "pixels"
    return TooManyPixels(f"This {image_type.name} has more {counted} than allowed.", **refusal.facts)


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"The node could not make this derivative: {what}.")
