"""A box goes where its pixels go."""

from __future__ import annotations

import pytest
from PIL import Image

from storage_node.rendering.turned import turned


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_a_box_follows_its_pixels(turn):
    image = Image.new("L", (7, 4))
    box = (1, 0, 3, 1)
    image.paste(255, box)
    assert turned(box, image.size, turn) == image.transpose(turn).getbbox()
