"""The families that texts may be drawn in: the one that comes along, and the operator's own.

Owns what a name in `l_text:NAME_SIZE:…` means and which file draws which style; opens no file (font_folder.py
reads the operator's, rendering/text.py draws). A family that is not here is refused, never replaced: the same
URL has to show the same picture on every node. Called by `renderer`, for every order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

from atoll.errors import Unrenderable
from atoll.transformation.steps import Overlay, TextLayer, Transformation
from storage_node.render_protocol import FontFamily, FontFile

REGULAR, BOLD = 400, 700  # of a variable font's weight axis
OPEN_SANS = "open sans"
# Names that say "a plain sans-serif" in URLs everywhere. An operator's family of that name goes before.
_PLAIN = frozenset({"sans", "sans serif", "arial", "helvetica"})


class Fonts:
    """`families` by `folded` name."""

    def __init__(self, families: Mapping[str, FontFamily]) -> None:
        self._families = dict(families)

    @property
    def families(self) -> list[str]:
        """Their folded names, in the order of the alphabet."""
        return sorted(self._families)

    def needed(self, transformation: Transformation) -> dict[str, FontFamily]:
        """What its texts are drawn in, by the names they say. Raises Unrenderable (`font_missing`)."""
        return {name: self._family(name) for name in _names(transformation)}

    def _family(self, name: str) -> FontFamily:
        plain = folded(name)
        found = self._families.get(plain) or (self._families.get(OPEN_SANS) if plain in _PLAIN else None)
        if found is None:
            raise Unrenderable(
                f"There is no font {name!r} here; there is {', '.join(self.families)}.",
                reason="font_missing",
                font=name,
                fonts=self.families,
            )
        return found


def folded(name: str) -> str:
    """A family's name as it is compared: small letters, spaces for hyphens."""
    return " ".join(name.lower().replace("-", " ").split())


def package_families() -> dict[str, FontFamily]:
    """Open Sans, from its wheel: two variable fonts (upright, italic), each with every weight."""
    folder = files("fontpkg_open_sans") / "files"
    upright, italic = (str(folder / f"OpenSans{style}[wdth,wght].ttf") for style in ("", "-Italic"))
    return {
        OPEN_SANS: FontFamily(
            regular=FontFile(upright, REGULAR),
            bold=FontFile(upright, BOLD),
            italic=FontFile(italic, REGULAR),
            bold_italic=FontFile(italic, BOLD),
        )
    }


def _names(transformation: Transformation) -> Iterator[str]:
    for step in transformation.steps:
        if isinstance(step, Overlay) and isinstance(step.source, TextLayer):
            yield step.source.font
