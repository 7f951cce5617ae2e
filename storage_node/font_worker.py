"""The font worker's main: says of one file after the other whether texts can be drawn with it.

Runs only as `python -m storage_node.font_worker`, for a moment at the node's start, shut in by
`worker_sandbox`; a file that crashes it is no font for us. Asked by `font_folder`: a path in, a verdict out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec import Struct, json

from storage_node.render_protocol import FontFile
from storage_node.rendering.font_files import has_weights, opened
from storage_node.worker_sandbox import live

_SIZES = (12, 200)
_SAMPLE = "Ag1ü"


class Verdict(Struct, frozen=True):
    """`variable`: it has a weight axis."""

    usable: bool
    variable: bool = False


VERDICT_DECODER = json.Decoder(Verdict)


def main(argv: list[str]) -> None:
    """Answer until the daemon closes the pipe."""
    live(argv, lambda frame: json.encode(tried(frame.decode())))


def tried(path: str) -> Verdict:
    """Open the file and draw with it."""
    try:
        if not is_whole(Path(path).read_bytes()):
            return Verdict(usable=False)
        variable = has_weights(opened(FontFile(path), _SIZES[0]))
        for size in _SIZES:
            opened(FontFile(path, 400 if variable else None), size).getmask(_SAMPLE)
    except Exception:  # noqa: BLE001 - FreeType and its wrapper raise anything at all on hostile bytes
        return Verdict(usable=False)
    return Verdict(usable=True, variable=variable)


def is_whole(data: bytes) -> bool:
    """Whether every table lies within the file: FreeType opens one that lacks its end and many letters."""
    records = range(12, 12 + 16 * int.from_bytes(data[4:6], "big"), 16)
    return all(
        int.from_bytes(data[at + 8 : at + 12], "big") + int.from_bytes(data[at + 12 : at + 16], "big")
        <= len(data)
        for at in records
    )


if __name__ == "__main__":
    main(sys.argv[1:])
