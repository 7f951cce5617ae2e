"""What a file is, by its first bytes: the allow-list of image types and their magic. Pure.

Refuses everything that is not one of the eight types below; BigTIFF, and camera raw files that wear
TIFF's magic, are refused too. SVG is only known so that its refusal can say why. What the sender says
never decides: the bytes do. What it says is only read as a claim, so that the caller can refuse an upload
whose claim and bytes disagree. Called by the ingest path before a picture goes to an inspection worker,
which may try this one type and no other.
"""

from __future__ import annotations

from dataclasses import dataclass

from atoll.model import Extension
from atoll.names import CONTENT_TYPES

SNIFF_BYTES = 512  # what `sniff` and `is_svg` want to see; fewer are fine when the file is shorter


@dataclass(frozen=True, slots=True)
class ImageType:
    """One allowed type. `decoder` is the name of the only Pillow plugin that may open it."""

    name: str
    extension: Extension
    decoder: str

    @property
    def content_type(self) -> str:
        """The media type it is served with."""
        return CONTENT_TYPES[self.extension]


JPEG = ImageType("JPEG", "jpg", "JPEG")
PNG = ImageType("PNG", "png", "PNG")
WEBP = ImageType("WebP", "webp", "WEBP")
GIF = ImageType("GIF", "gif", "GIF")
AVIF = ImageType("AVIF", "avif", "AVIF")
HEIC = ImageType("HEIC", "heic", "HEIF")
TIFF = ImageType("TIFF", "tiff", "TIFF")
BMP = ImageType("BMP", "bmp", "BMP")

ALL_TYPES = (JPEG, PNG, WEBP, GIF, AVIF, HEIC, TIFF, BMP)

# Sizes of the header that says what follows: OS/2 1 and 2, Windows 3, Adobe's two, Windows 4 and 5.
_BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 64, 40, 52, 56, 108, 124))
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_ANY_CODEC_BRANDS = frozenset({b"mif1", b"msf1"})  # "some picture": the compatible brands name the codec


def sniff(head: bytes) -> ImageType | None:
    """The type whose magic `head` (a file's first `SNIFF_BYTES`) carries, or None: not an image we take."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:15] == b"WEBPVP8":
        return WEBP
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return None if head[8:10] == b"CR" else TIFF  # CR: a Canon raw file, whose first image is a thumbnail
    if head.startswith(b"BM"):
        return BMP if head[14:18] in _BMP_HEADERS else None  # two letters alone are no magic
    return _by_brand(head) if head[4:8] == b"ftyp" else None


def is_svg(head: bytes, filename: str | None) -> bool:
    """Whether a file that is none of our types starts like an SVG, or is called one (a packed one, too)."""
    if (filename or "").lower().endswith((".svg", ".svgz")):
        return True
    text = head.replace(b"\0", b"").lower()  # UTF-16 as well
    return b"<svg" in text or b"<!doctype svg" in text or (b"<" in text and b":svg " in text)


def _by_brand(head: bytes) -> ImageType | None:
    """AVIF and HEIC share a container: the major brand decides, or else the first telling compatible one."""
    major = head[8:12]
    if major not in _ANY_CODEC_BRANDS:
        return _codec_of(major)
    end = min(int.from_bytes(head[:4], "big"), len(head) - len(head) % 4)
    brands = (head[at : at + 4] for at in range(16, end, 4))
    return next((found for brand in brands if (found := _codec_of(brand))), HEIC)


def _codec_of(brand: bytes) -> ImageType | None:
    if brand in _AVIF_BRANDS:
        return AVIF
    return HEIC if brand in _HEIC_BRANDS else None


# A claim is the set of extensions it allows; None is no claim; the empty set agrees with nothing we take.
Claim = frozenset[str] | None

_BY_CONTENT_TYPE = {
    **{content_type: extension for extension, content_type in CONTENT_TYPES.items()},
    "image/jpg": "jpg",
    "image/x-bmp": "bmp",
    "image/x-ms-bmp": "bmp",
    "image/x-windows-bmp": "bmp",
    "image/pjpeg": "jpg",
    "image/x-png": "png",
    "image/apng": "png",
    "image/vnd.mozilla.apng": "png",
    "image/x-webp": "webp",
    "image/avif-sequence": "avif",
    "image/heif": "heic",
    "image/heic-sequence": "heic",
    "image/heif-sequence": "heic",
    "image/tif": "tiff",
    "image/x-tiff": "tiff",
}
_BY_SUFFIX = {
    **{extension: extension for extension in CONTENT_TYPES},
    "dib": "bmp",
    "jpeg": "jpg",
    "jpe": "jpg",
    "jfif": "jpg",
    "apng": "png",
    "avifs": "avif",
    "heif": "heic",
    "heics": "heic",
    "heifs": "heic",
    "hif": "heic",
    "tif": "tiff",
}


def declared_type(content_type: str | None) -> Claim:
    """What a Content-Type header claims; only image types are claims (what curl and forms send is none)."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if not media_type.startswith("image/") or media_type == "image/*":
        return None
    known = _BY_CONTENT_TYPE.get(media_type)
    return frozenset({known}) if known else frozenset()


def declared_by_name(filename: str | None) -> Claim:
    """What a file name's suffix claims. A suffix that is no image type's is no claim."""
    known = _BY_SUFFIX.get((filename or "").rpartition(".")[2].strip().lower())
    return frozenset({known}) if known else None


def agrees(found: ImageType, claim: Claim) -> bool:
    """Whether the bytes are what was claimed, or nothing was."""
    return claim is None or found.extension in claim
