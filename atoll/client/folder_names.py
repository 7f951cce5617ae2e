"""How a folder's paths and the names of a bucket go together. Pure.

The same rule as for `atoll upload --prefix`: public_id = prefix + path below the folder, without the image's
extension. Here a prefix is a folder of the bucket: `cats` means `cats/…`, never `catalog`.
"""

from __future__ import annotations

from collections.abc import Iterator

from atoll.client.source import CONTENT_TYPE_OF
from atoll.names import CONTENT_TYPES, check_public_id


def folder_prefix(text: str) -> str:
    """`cats` or `cats/` as `cats/`; "" stays empty: the whole bucket. `BadName`."""
    return check_public_id(text.removesuffix("/")) + "/" if text else ""


def is_image(name: str) -> bool:
    """Whether a file's name ends like one of the images that nodes take, and has a stem."""
    stem, _, extension = name.rpartition("/")[2].rpartition(".")
    return bool(stem) and extension.lower() in CONTENT_TYPE_OF


def public_id_of(relative: str, prefix: str) -> str:
    """The name of the file at this path; `BadName` when its path can be no name."""
    stem = relative.rpartition(".")[0] if is_image(relative) else relative
    return check_public_id(prefix + stem)


def likely_paths(public_id: str, prefix: str, ext: str, filename: str | None) -> Iterator[str]:
    """Where below the folder the file of an asset lies, or lay: by its remembered file name, if it fits."""
    stem = public_id.removeprefix(prefix)
    folder, slash, last = stem.rpartition("/")
    if filename is not None and is_image(filename) and filename.rpartition(".")[0] == last:
        yield f"{folder}{slash}{filename}"
        return
    content_type = CONTENT_TYPES.get(ext)
    known = {extension for extension, kind in CONTENT_TYPE_OF.items() if kind == content_type} | {ext}
    yield from (f"{stem}.{extension}" for extension in sorted(known))
