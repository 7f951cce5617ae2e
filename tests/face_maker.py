"""A face drawn of light and shade, as the cascade knows one: no photograph of anybody."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter


def face(width: int = 200) -> Image.Image:
    """An upright face in grey; its head fills the picture, which is a third higher than wide."""
    unit = width / 100
    image = Image.new("L", (width, round(width * 1.3)), 90)
    pen = ImageDraw.Draw(image)

    def oval(left: int, top: int, right: int, bottom: int, level: int) -> None:
        pen.ellipse([length * unit for length in (left, top, right, bottom)], fill=level)

    oval(8, 5, 92, 125, 205)
    oval(8, 0, 92, 40, 60)  # hair
    oval(14, 22, 86, 110, 205)
    for x in (32, 68):
        oval(x - 14, 44, x + 14, 64, 130)  # the eye's socket
        pen.rectangle([length * unit for length in (x - 13, 40, x + 13, 45)], fill=50)
        oval(x - 8, 49, x + 8, 59, 40)
    oval(44, 50, 56, 84, 225)
    oval(41, 76, 59, 86, 170)
    oval(34, 92, 66, 102, 90)
    return image.filter(ImageFilter.GaussianBlur(2 * unit))


def crowd(size: tuple[int, int], *places: tuple[int, int, int]) -> Image.Image:
    """Faces on an even ground: left, top and width of each in pixels."""
    image = Image.new("L", size, 110)
    for left, top, width in places:
        image.paste(face(width), (left, top))
    return image
