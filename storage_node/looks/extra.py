"""Whether the optional extra `atoll[faces]` is installed, found out without loading any of it.

For the daemon, which decides whether its inspection workers shall look for faces, and for those.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from atoll.settings import SettingsError

MEMORY_BYTES = 256 << 20  # address space that OpenCV and numpy take beyond what decoding needs
_CASCADE = "haarcascade_frontalface_alt2.xml"


def cascade() -> Path | None:
    """The file that knows faces. None without the extra, and with OpenCV 5, which has left such files out."""
    spec = importlib.util.find_spec("cv2")
    places = (spec.submodule_search_locations if spec else None) or ()
    files = (Path(place) / "data" / _CASCADE for place in places)
    return next((file for file in files if file.is_file()), None)


def looks_for_faces(wanted: str, *, installed: bool) -> bool:
    """What the setting `faces` comes to. `SettingsError` if it must be and cannot."""
    if wanted == "required" and not installed:
        raise SettingsError(["faces: required, but the extra is not here: pip install 'atoll[faces]'"])
    return installed and wanted != "off"
