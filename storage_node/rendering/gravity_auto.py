"""What catches the eye, without a model: where `g_auto` puts a crop's window.

Attention is edges, colours that are far from the picture's mean (a cup on a table, not the table) and hues of
skin, measured on a copy of at most 96 pixels a side and blurred, so that one bright spot does not outweigh
a face. The window whose sum is greatest wins, the middle counting a little more than the rim, so that an even
picture is cropped at its centre. Plain arithmetic on a
few thousand numbers: some milliseconds, the same answer on every machine.

Called by `resizing`. `entropy` is the other measure the grammar names: how much varies, without regard to
colour.
"""

from __future__ import annotations

from itertools import accumulate

from PIL import Image, ImageChops, ImageFilter, ImageMath, ImageStat

from storage_node.rendering.geometry import Point, Size

_LOOK_SIDE = 96
_GREY = (128, 128, 128)
_MIDDLE_SHARE = 0.15  # how much of the score being in the middle is worth


def best_corner(image: Image.Image, window: Point, measure: str = "attention") -> Point:
    """Top left corner of the window of this size (in the picture's pixels) that shows most of interest."""
    look = _opaque(_look(image))
    across, down = image.width / look.width, image.height / look.height
    inner = _steps(window[0], across, look.width), _steps(window[1], down, look.height)
    if inner == look.size:
        return (image.width - window[0]) / 2, (image.height - window[1]) / 2
    scores = _entropy(look) if measure == "entropy" else _attention(look)
    left, top = _best(_summed(scores), look.size, inner)
    return (
        _spread(left, look.width - inner[0], image.width - window[0]),
        _spread(top, look.height - inner[1], image.height - window[1]),
    )


def _look(image: Image.Image) -> Image.Image:
    scale = min(1.0, _LOOK_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image if size == image.size else image.resize(size, Image.Resampling.BOX)


def _opaque(image: Image.Image) -> Image.Image:
    """On grey, for what is transparent may have any colour, and shows none."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    sheet = Image.new("RGB", image.size, _GREY)
    sheet.paste(image, mask=image.getchannel("A"))
    return sheet


def _steps(length: float, scale: float, most: int) -> int:
    return min(most, max(1, round(length / scale)))


def _spread(at: int, positions: int, free: float) -> float:
    """Position `at` of 0 to `positions` as a part of the free length."""
    return free * (at / positions if positions else 0.5)


def _attention(image: Image.Image) -> Image.Image:
    edges = image.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda level: min(255, level * 2))
    score = ImageMath.lambda_eval(
        lambda args: args["convert"]((args["edges"] * 4 + args["rare"] * 6 + args["skin"] * 4) / 14, "L"),
        edges=_frameless(edges),
        rare=_rare(image),
        skin=_skin(image),
    )
    assert isinstance(score, Image.Image)
    return score.filter(ImageFilter.GaussianBlur(2))


def _rare(image: Image.Image) -> Image.Image:
    """How far each pixel is from the mean, in colour more than in light."""
    soft = image.filter(ImageFilter.GaussianBlur(1)).convert("YCbCr")
    mean = tuple(round(value) for value in ImageStat.Stat(soft).mean)
    light, blue, red = ImageChops.difference(soft, Image.new("YCbCr", soft.size, mean)).split()
    colour = ImageChops.add(blue, red).point(lambda level: min(255, level * 2))
    return ImageChops.add(light.point(lambda level: level // 2), colour)


def _skin(image: Image.Image) -> Image.Image:
    """Hues from red to orange, neither grey nor glaring, as bright as they are: skin of any tone."""
    hue, saturation, value = image.convert("HSV").split()
    hues = hue.point(lambda level: 255 if level <= 25 or level >= 250 else 0)
    moderate = saturation.point(lambda level: 255 if 40 <= level <= 175 else 0)
    return ImageChops.multiply(hues, ImageChops.multiply(moderate, value))


def _entropy(image: Image.Image) -> Image.Image:
    edges = image.convert("L").filter(ImageFilter.FIND_EDGES)
    return _frameless(edges).filter(ImageFilter.GaussianBlur(2))


def _frameless(edges: Image.Image) -> Image.Image:
    """The filter leaves the outermost pixels as they were: they are no edges."""
    inner = Image.new("L", edges.size)
    if min(edges.size) > 2:
        box = (1, 1, edges.width - 1, edges.height - 1)
        inner.paste(edges.crop(box), box)
    return inner


def _summed(scores: Image.Image) -> list[list[int]]:
    """Sums of all scores above and left of each place; one row and column of zeros before them."""
    width, data = scores.width, scores.tobytes()
    sums = [[0] * (width + 1)]
    for start in range(0, len(data), width):
        row = accumulate(data[start : start + width], initial=0)
        sums.append([above + here for above, here in zip(sums[-1], row, strict=True)])
    return sums


def _best(sums: list[list[int]], outer: Size, inner: Size) -> tuple[int, int]:
    free = outer[0] - inner[0], outer[1] - inner[1]
    places = ((left, top) for top in range(free[1] + 1) for left in range(free[0] + 1))
    return max(places, key=lambda place: _score(sums, place, inner) * _middle(place, free))


def _score(sums: list[list[int]], place: tuple[int, int], inner: Size) -> int:
    """The window's sum, its inner half counted twice: what is of interest shall not stand at the edge."""
    left, top = place
    core = left + inner[0] // 4, top + inner[1] // 4
    half = max(1, inner[0] // 2), max(1, inner[1] // 2)
    # One more than nothing, so that of places without any score the middle is taken.
    return 1 + _sum(sums, place, inner) + _sum(sums, core, half)


def _sum(sums: list[list[int]], place: tuple[int, int], inner: Size) -> int:
    left, top = place
    right, bottom = left + inner[0], top + inner[1]
    return sums[bottom][right] - sums[top][right] - sums[bottom][left] + sums[top][left]


def _middle(place: tuple[int, int], free: Size) -> float:
    """1 in the middle, a little less towards the edges."""
    away = sum(abs(at / most - 0.5) for at, most in zip(place, free, strict=True) if most)
    return 1.0 - _MIDDLE_SHARE * away
