"""The inspection worker's main: answers one question about one picture after the other.

Runs only as `python -m storage_node.inspection_worker`, started by `worker_pool`, shut in by
`worker_sandbox`; `picture_check` does the work. It is the one place where hostile bytes meet a decoder, so
everything may go wrong here: it may be killed at any instant, and nothing it does outlives it. Here a
decoder's failure becomes a refusal.
"""

from __future__ import annotations

import re
import sys
import warnings

import pillow_heif
from PIL import AvifImagePlugin, Image, ImageFile, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from storage_node.container_outline import Truncated
from storage_node.inspection_protocol import (
    REPLY_ENCODER,
    REQUEST_DECODER,
    Inspection,
    InspectionLimits,
    InspectionRequest,
    Refusal,
)
from storage_node.picture_check import PictureRefused, check
from storage_node.worker_sandbox import live

_MAX_TEXT_BYTES = 1 << 20  # one decompressed PNG text or profile
_MAX_TEXT_BYTES_SUM = 8 << 20


def main(argv: list[str]) -> None:
    """Set the decoders up, then answer until the daemon closes the pipe."""
    set_up_decoders()
    live(argv, answer)


def set_up_decoders() -> None:
    """Load every plugin now, in the safe, and put its limits on. Changes Pillow for the whole process."""
    Image.preinit()  # the common plugins; the rest are registered by their import
    assert {"AVIF", "WEBP", "TIFF"} <= Image.OPEN.keys(), (AvifImagePlugin, WebPImagePlugin, TiffImagePlugin)
    # One thread each: the pool's size says how many cores decode, and every thread is address space.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_TEXT_BYTES
    PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT_BYTES_SUM
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def answer(frame: bytes) -> bytes:
    """One request frame to one reply frame."""
    return REPLY_ENCODER.encode(inspect(REQUEST_DECODER.decode(frame)))


def inspect(request: InspectionRequest) -> Inspection | Refusal:
    """Look at one picture. Hostile bytes are answered with a refusal, whatever their decoder raises."""
    try:
        file = open(request.path, "rb")  # noqa: SIM115 - apart from the `with`: this failure is not the picture's
    except OSError:
        return Refusal("unreadable")
    with file:
        try:
            return check(file, request.decoder, request.limits)
        except PictureRefused as refused:
            return refused.refusal
        except Truncated:
            return Refusal("truncated")
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
