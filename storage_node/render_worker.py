"""The rendering worker's main: makes one derivative after the other.

Runs only as `python -m storage_node.render_worker`, started by `worker_pool`, shut in by `worker_sandbox`;
`rendering.job` does the work. As in the inspection worker everything may go wrong here, at any instant, and
a decoder's failure becomes a refusal. What is left half-written is removed by the daemon, which named it.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Callable

from PIL import Image

from storage_node.container_outline import TooManyParts, Truncated
from storage_node.decoders import set_up_decoders
from storage_node.picture_limits import PictureRefused
from storage_node.render_protocol import (
    REPLY_ENCODER,
    REQUEST_DECODER,
    Rendered,
    RenderRefusal,
    RenderRequest,
)
from storage_node.rendering.job import NotWritten, Result, render
from storage_node.rendering.open_source import NoSuchFrame, SourceUnreadable
from storage_node.rendering.picture import RenderRefused
from storage_node.worker_sandbox import live


def main(argv: list[str]) -> None:
    """Set the decoders up, then render until the daemon closes the pipe."""
    set_up_decoders()
    live(argv, answer)


def answer(frame: bytes) -> bytes:
    """One request frame to one reply frame."""
    return REPLY_ENCODER.encode(rendered(REQUEST_DECODER.decode(frame)))


def rendered(request: RenderRequest) -> Rendered | RenderRefusal:
    """Make one derivative and say what it took."""
    _forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    done = _refusing(lambda: render(request), request)
    if isinstance(done, RenderRefusal):
        return done
    size_bytes = _size_of(request.output)
    if not size_bytes:
        return RenderRefusal("not_written")
    return Rendered(
        done.format,
        size_bytes,
        done.size[0],
        done.size[1],
        done.frames,
        done.focus_missing,
        time.perf_counter() - wall,
        time.process_time() - cpu,
        _peak_bytes(),
    )


def _refusing(work: Callable[[], Result], request: RenderRequest) -> Result | RenderRefusal:
    try:
        return work()
    except RenderRefused as refused:
        return RenderRefusal(refused.code, refused.facts)
    except PictureRefused as refused:
        return RenderRefusal(refused.refusal.code, refused.refusal.facts)
    except NoSuchFrame as missing:
        return RenderRefusal("no_such_page", {"page": missing.args[0] + 1})
    except SourceUnreadable:
        return RenderRefusal("unreadable")
    except NotWritten:
        return RenderRefusal("not_written")
    except Truncated:
        return RenderRefusal("truncated")
    except TooManyParts as parts:
        return RenderRefusal("too_many_parts", {f"max_{parts.what}": parts.most})
    except MemoryError:
        return RenderRefusal("out_of_memory")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        return _too_many_pixels(bomb, request)
    except Exception as error:  # noqa: BLE001 - a decoder raises anything at all on hostile bytes
        return RenderRefusal("truncated" if "truncated" in str(error) else "undecodable")


def _too_many_pixels(bomb: Exception, request: RenderRequest) -> RenderRefusal:
    """Pillow says the number only in its sentence: "Image size (3600000000 pixels) exceeds ..."."""
    named = re.search(r"\((\d+) pixels\)", str(bomb))
    found = {"pixels": int(named[1])} if named else {}
    return RenderRefusal("too_many_pixels", {"max_pixels": request.limits.source.max_pixels, **found})


def _size_of(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return file.seek(0, 2)
    except OSError:
        return 0


def _forget_peak() -> None:
    """Linux: the highest resident memory counts anew from here."""
    if sys.platform == "linux":
        with open("/proc/self/clear_refs", "w", encoding="ascii") as references:
            references.write("5")


def _peak_bytes() -> int:
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes there, and of the whole life
    with open("/proc/self/status", encoding="ascii") as status:
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    main(sys.argv[1:])
