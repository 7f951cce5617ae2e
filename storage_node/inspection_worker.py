"""The inspection worker's main: answers one question about one picture after the other.

Runs only as `python -m storage_node.inspection_worker`, started by `worker_pool`, shut in by
`worker_sandbox`; `picture_check` does the work. It is the one place where hostile bytes meet a decoder, so
everything may go wrong here: it may be killed at any instant, and nothing it does outlives it. Here a
decoder's failure becomes a refusal.
"""

from __future__ import annotations

import re
import sys
from functools import partial

from PIL import Image

from storage_node.container_outline import TooManyParts, Truncated
from storage_node.decoders import set_up_decoders
from storage_node.inspection_protocol import (
    FACES,
    REPLY_ENCODER,
    REQUEST_DECODER,
    Inspection,
    InspectionLimits,
    InspectionRequest,
    Refusal,
)
from storage_node.looks.extra import cascade
from storage_node.looks.faces import FaceFinder
from storage_node.looks.look import FindFaces
from storage_node.picture_check import check
from storage_node.picture_limits import PictureRefused
from storage_node.worker_sandbox import live


def main(argv: list[str]) -> None:
    """Set the decoders up, then answer until the daemon closes the pipe."""
    set_up_decoders()
    known = cascade() if FACES in argv else None
    live(argv, partial(answer, FaceFinder(known) if known else None))


def answer(find_faces: FindFaces | None, frame: bytes) -> bytes:
    """One request frame to one reply frame."""
    return REPLY_ENCODER.encode(inspect(REQUEST_DECODER.decode(frame), find_faces))


def inspect(request: InspectionRequest, find_faces: FindFaces | None = None) -> Inspection | Refusal:
    """Look at one picture. Hostile bytes are answered with a refusal, whatever their decoder raises."""
    try:
        file = open(request.path, "rb")  # noqa: SIM115 - apart from the `with`: this failure is not the picture's
    except OSError:
        return Refusal("unreadable")
    with file:
        try:
            return check(file, request.decoder, request.limits, find_faces)
        except PictureRefused as refused:
            return refused.refusal
        except Truncated:
            return Refusal("truncated")
        except TooManyParts as parts:
            return Refusal("too_many_parts", {f"max_{parts.what}": parts.most})
        except MemoryError:
            return Refusal("out_of_memory")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
            return _too_many_pixels(bomb, request.limits)
        except Exception as error:  # noqa: BLE001 - a decoder raises anything at all on hostile bytes
            return Refusal("truncated" if "truncated" in str(error) else "undecodable")


def _too_many_pixels(bomb: Exception, limits: InspectionLimits) -> Refusal:
    """Pillow says the number only in its sentence: "Image size (3600000000 pixels) exceeds ..."."""
    named = re.search(r"\((\d+) pixels\)", str(bomb))
    found = {"pixels": int(named[1])} if named else {}
    return Refusal("too_many_pixels", {"max_pixels": limits.max_pixels, **found})


if __name__ == "__main__":
    main(sys.argv[1:])
