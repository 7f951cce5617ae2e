"""How much one transformation may ask for. Pure.

These are the defaults; a daemon's settings, or a bucket, give their own.
"""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """What the grammar itself can hold a request to. What needs the picture is the rendering engine's."""

    components: int = 8  # between slashes, those of a layer and its fl_layer_apply included
    layers: int = 3  # images and texts laid upon the picture
    side: int = 4096  # pixels of a width or height
    text: int = 200  # characters of one text overlay
    font: int = 512  # pixels of a text's size
    characters: int = (
        3000  # of the canonical form; about what a URL of 8 KB can carry with everything escaped
    )

    @property
    def raw_characters(self) -> int:
        """Of a form that is not canonical yet, before anything is read: aliases and zeros are longer."""
        return 4 * self.characters


DEFAULTS = Limits()
