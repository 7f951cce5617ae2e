"""`f_ q_ pg_ d_` and the flags of delivery: said in any component, true for the whole result. Pure.

Said twice with the same meaning is fine; said twice with different meanings is a contradiction.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from atoll import names
from atoll.errors import BadName
from atoll.transformation.component import Component
from atoll.transformation.escapes import unescaped
from atoll.transformation.refusals import refused
from atoll.transformation.steps import AutoQuality, Delivery, Format, Profile
from atoll.transformation.values import choice, integer, public_id

_FORMATS = (*get_args(Format), "auto")
_AUTO_QUALITIES = (*get_args(AutoQuality), "auto:good")
_LAST_PAGE = 999
_ALWAYS_LOSSY = {"jpg", "avif"}
_LONGEST_FILENAME = 100


class Said(Struct, frozen=True):
    """What one component, or all up to here, say about the whole result. None: nothing."""

    f: Format | Literal["auto"] | None = None
    q: int | AutoQuality | None = None
    profile: Profile | None = None
    progressive: bool | None = None
    lossy: bool | None = None
    keep_iptc: bool | None = None
    attachment: str | None = None
    pg: int | None = None
    d: str | None = None


_FLAGS = {"profile": "fl", "progressive": "fl", "lossy": "fl", "keep_iptc": "fl", "attachment": "fl"}


def read_said(component: Component) -> Said:
    """What `component` says about the whole result, used up."""
    return Said(
        f=component.take("f", _format),
        q=component.take("q", _quality),
        profile=_profile(component),
        progressive=_flag(component, "progressive"),
        lossy=_flag(component, "lossy"),
        keep_iptc=_flag(component, "keep_iptc"),
        attachment=_attachment(component.take_flag("attachment")),
        pg=component.take("pg", lambda key, text: integer(key, text, 1, _LAST_PAGE)),
        d=component.take("d", public_id),
    )


def together(before: Said, now: Said, text: str) -> Said:
    """Both; `text` is the component that says `now`, for the refusal when they contradict."""
    old, new = asdict(before), {name: value for name, value in asdict(now).items() if value is not None}
    for name, value in new.items():
        if old[name] is not None and old[name] != value:
            key = _FLAGS.get(name, name)
            raise refused(key, text, f"{key}_ was said before, and differently", _before(name, old[name]))
    return replace(before, **new)


def _before(name: str, value: object) -> str:
    if name in _FLAGS:
        return "fl_attachment" if name == "attachment" else f"fl_{value}_profile"
    return f"{name}_{value}" if name != "d" else "d_folder:name"


def delivery_of(said: Said) -> Delivery:
    """What `said` means. A flag that the format cannot follow is refused, or left out when it always does."""
    if said.progressive and said.f not in {None, "auto", "jpg"}:
        why = f"fl_progressive is for JPEG, and this is f_{said.f}"
        raise refused("fl", "fl_progressive", why, "f_jpg,fl_progressive")
    return Delivery(
        format=said.f,
        quality=said.q,
        progressive=bool(said.progressive),
        lossy=bool(said.lossy) and said.f not in _ALWAYS_LOSSY,
        profile=said.profile or "srgb",
        keep_iptc=bool(said.keep_iptc),
        attachment=said.attachment,
    )


def _format(key: str, text: str) -> Format | Literal["auto"]:
    return cast(Format, choice(key, "jpg" if text == "jpeg" else text, _FORMATS))


def _quality(key: str, text: str) -> int | AutoQuality:
    if not text.startswith("auto"):
        return integer(key, text, 1, 100)
    return cast(AutoQuality, "auto" if text == "auto:good" else choice(key, text, _AUTO_QUALITIES))


def _flag(component: Component, name: str) -> bool | None:
    return None if component.take_flag(name) is None else True


def _profile(component: Component) -> Profile | None:
    strip, keep = _flag(component, "strip_profile"), _flag(component, "keep_profile")
    if strip and keep:
        why = "a profile cannot be removed and kept"
        raise component.contradiction("fl", why, "fl_keep_profile")
    return "strip" if strip else "keep" if keep else None


def _attachment(argument: str | None) -> str | None:
    if not argument:
        return argument
    shortest = "fl_attachment:picture"
    try:
        name = names.check_filename(unescaped(argument))
    except (BadName, UnicodeDecodeError) as error:
        why = "a file name has no path and no control characters"
        raise refused("fl", f"fl_attachment:{argument}", why, shortest) from error
    if len(name) > _LONGEST_FILENAME:
        why = f"a file name has at most {_LONGEST_FILENAME} characters here"
        raise refused("fl", f"fl_attachment:{argument}", why, shortest)
    return name
