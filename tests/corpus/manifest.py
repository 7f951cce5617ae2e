"""The corpus as files in a folder, with a manifest that says what each of them is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from corpus.specimen import Specimen


def write(specimens: Iterable[Specimen], folder: Path) -> int:
    """Write every file and `manifest.json`; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [_write(specimen, folder) for specimen in specimens]
    (folder / "manifest.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return len(entries)


def _write(specimen: Specimen, folder: Path) -> dict[str, object]:
    data = specimen.make()
    (folder / specimen.name).write_bytes(data)
    return {
        "name": specimen.name,
        "family": specimen.family,
        "attacks": specimen.attacks,
        "expected": list(specimen.expected),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
