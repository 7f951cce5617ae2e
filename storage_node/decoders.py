"""The decoders of a worker process: all loaded before a hostile byte is read, each with its limits on.

Called once by the main of every kind of worker that decodes pictures, before it enters its sandbox.
"""

from __future__ import annotations

import warnings

import pillow_heif
from PIL import AvifImagePlugin, Image, ImageFile, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

_MAX_TEXT_BYTES = 1 << 20  # one decompressed PNG text or profile
_MAX_TEXT_BYTES_SUM = 8 << 20


def set_up_decoders() -> None:
    """Load every plugin now, in the safe, and put its limits on. Changes Pillow for the whole process."""
    Image.preinit()  # the common plugins; the rest are registered by their import
    assert {"AVIF", "BMP", "WEBP", "TIFF"} <= Image.OPEN.keys(), (
        AvifImagePlugin,
        WebPImagePlugin,
        TiffImagePlugin,
    )
    # One thread each: the pool's size says how many cores decode, and every thread is address space.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_TEXT_BYTES
    PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT_BYTES_SUM
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
