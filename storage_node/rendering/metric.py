"""How alike two pictures look: a small structural similarity (SSIM), on blocks, without numpy.

Measured on luma in blocks of 8×8 (Wang et al. 2004, with a box for the Gaussian): 1.0 for the same picture,
0.99 nobody sees, 0.95 one sees when looking for it, below 0.9 everybody. Used by `quality`, to find out how
much an encoder may throw away, and by tests, to compare with golden pictures.
"""

from __future__ import annotations

from PIL import Image, ImageMath

_BLOCK = 8
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def similarity(first: Image.Image, second: Image.Image) -> float:
    """-1 to 1. Both of the same size; what blocks leave over at right and bottom is ignored."""
    one, other = _luma(first), _luma(second)
    mean_1, mean_2 = _mean(one), _mean(other)
    score = ImageMath.lambda_eval(
        lambda args: (
            (2 * args["m"] * args["n"] + _C1)
            * (2 * (args["mn"] - args["m"] * args["n"]) + _C2)
            / (
                (args["m"] * args["m"] + args["n"] * args["n"] + _C1)
                * (args["mm"] - args["m"] * args["m"] + args["nn"] - args["n"] * args["n"] + _C2)
            )
        ),
        m=mean_1,
        n=mean_2,
        mm=_mean(_product(one, one)),
        nn=_mean(_product(other, other)),
        mn=_mean(_product(one, other)),
    )
    assert isinstance(score, Image.Image)
    mean = score.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)
    return mean


def _luma(image: Image.Image) -> Image.Image:
    grey = image.convert("L")
    whole = grey.width - grey.width % _BLOCK or grey.width, grey.height - grey.height % _BLOCK or grey.height
    return grey.crop((0, 0, *whole)).convert("F")


def _product(first: Image.Image, second: Image.Image) -> Image.Image:
    product = ImageMath.lambda_eval(lambda args: args["a"] * args["b"], a=first, b=second)
    assert isinstance(product, Image.Image)
    return product


def _mean(image: Image.Image) -> Image.Image:
    return image.reduce(_BLOCK)
