"""A bucket's policy with some of it changed, and what changed, in words. Pure.

Owns the options of `atoll bucket set`: what is not named stays as it is. Whether transformations can be
understood is the query service's to say.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import structs

from atoll.bucket import Bucket, Quota, RenderPolicy
from atoll.cli.bucket_rules import rule_text
from atoll.cli.exit_codes import WrongUsage

DEFAULT = "default"  # the word for: no limit of the bucket's own
_ABSENT = "-"
_LIMITS = ("max_bytes", "max_pixels")
_RENDERING = tuple(field for field in RenderPolicy.__struct_fields__ if field != "sources")


def add_changes(parser: argparse.ArgumentParser) -> None:
    """The options."""
    visibility = parser.add_mutually_exclusive_group()
    visibility.add_argument("--public", action="store_const", const="public", dest="visibility")
    visibility.add_argument("--private", action="store_const", const="private", dest="visibility")
    parser.add_argument("--durability", metavar="local|regions:N|all", help="of uploads that do not say")
    parser.add_argument("--max-bytes", metavar="N", help=f"of an upload; {DEFAULT}: the nodes' own limit")
    parser.add_argument("--max-pixels", metavar="N", help="the same, in pixels")
    parser.add_argument("--allowed", metavar="EXT,…", help=f"formats taken (jpg,png); {DEFAULT}: all")
    add = _adding(parser)
    add("--transformation", "NAME=TEXT", "what t_NAME means; anybody may ask for it in a public bucket")
    add("--no-transformation", "NAME", "forget a name; URLs with it end")
    add("--eager", "TEXT", "make this as soon as an image is stored; t_NAME is a text, too")
    add("--no-eager", "TEXT", "make it no more before it is asked for")
    signed = parser.add_mutually_exclusive_group()
    signed.add_argument(
        "--unsigned", action="store_true", default=None, help="any transformation without a signature"
    )
    signed.add_argument("--signed", action="store_false", dest="unsigned", default=None, help="the opposite")
    keys = ", ".join(_RENDERING)
    add("--rendering", "KEY=N", f"how much a derivative may ask for: {keys}, sources (jpg,png); or {DEFAULT}")


def _adding(parser: argparse.ArgumentParser) -> Any:
    def add(name: str, metavar: str, text: str) -> None:
        parser.add_argument(name, metavar=metavar, action="append", default=[], help=text)

    return add


def changed(bucket: Bucket, args: argparse.Namespace) -> Bucket:
    """`bucket` as `args` wants it; `WrongUsage`."""
    policy: dict[str, Any] = {
        name: getattr(args, name) for name in ("visibility", "durability") if getattr(args, name) is not None
    }
    policy |= {name: _number(name, text) for name in _LIMITS if (text := getattr(args, name)) is not None}
    if args.allowed is not None:
        policy["allowed"] = _words(args.allowed)
    if args.unsigned is not None:
        policy["unsigned_transformations"] = args.unsigned
    policy["transformations"] = _transformations(bucket, args)
    policy["eager"] = _eager(bucket, args)
    policy["rendering"] = _rendering(bucket.rendering, args.rendering)
    return structs.replace(bucket, **policy)


def _transformations(bucket: Bucket, args: argparse.Namespace) -> dict[str, str]:
    known = dict(bucket.transformations)
    for name in args.no_transformation:
        if known.pop(name, None) is None:
            has = ", ".join(sorted(known)) or "none"
            raise WrongUsage(f"{bucket.name} has no transformation {name!r}; it has: {has}.")
    return known | dict(_pair("--transformation", text) for text in args.transformation)


def _eager(bucket: Bucket, args: argparse.Namespace) -> tuple[str, ...]:
    for text in args.no_eager:
        if text not in bucket.eager:
            has = " ".join(bucket.eager) or "none"
            raise WrongUsage(f"{text!r} is not eager in {bucket.name}; eager are: {has}.")
    kept = [text for text in bucket.eager if text not in args.no_eager]
    return tuple(dict.fromkeys([*kept, *args.eager]))


def _rendering(policy: RenderPolicy, texts: Iterable[str]) -> RenderPolicy:
    said: dict[str, Any] = {}
    for key, value in (_pair("--rendering", text) for text in texts):
        if key not in (*_RENDERING, "sources"):
            raise WrongUsage(f"--rendering {key}=… is none of {', '.join((*_RENDERING, 'sources'))}.")
        said[key] = _words(value) if key == "sources" else _number(key, value)
    return structs.replace(policy, **said)


def _pair(option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise WrongUsage(
            f"{option} is written KEY=VALUE, as in thumb=c_fill,g_auto,w_200,h_200; got {text!r}."
        )
    return key, value


def _number(name: str, text: str) -> int | None:
    if text == DEFAULT:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise WrongUsage(f"{name} is a whole number, or {DEFAULT}; got {text!r}.")
    return int(text)


def _words(text: str) -> tuple[str, ...] | None:
    return None if text == DEFAULT else tuple(word.strip() for word in text.split(",") if word.strip())


def differences(before: Bucket | None, after: Bucket) -> list[tuple[str, str, str]]:
    """What is different: the setting, what it was, what it is."""
    old, new = _flat(before) if before else {}, _flat(after)
    keys = [*new, *(key for key in old if key not in new)]
    rows = [(key, old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in keys]
    return [(key, _shown(was), _shown(now)) for key, was, now in rows if was != now]


def policy_rows(bucket: Bucket) -> list[tuple[str, str]]:
    """The whole policy, a row each."""
    return [(key, _shown(value)) for key, value in _flat(bucket).items() if key != "name"]


def _flat(bucket: Bucket) -> Mapping[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in structs.asdict(bucket).items():
        if key == "transformations":
            flat |= {f"transformation {name}": text for name, text in sorted(value.items())}
        elif isinstance(value, Quota):
            flat |= {f"quota {of}": limit for of, limit in structs.asdict(value).items()}
        elif key == "lifecycle":
            flat["expire"] = tuple(rule_text(rule) for rule in value)
        elif key == "ending":
            flat |= {} if value is None else {"state": "is being deleted"}
        elif key in {"usage", "etag"}:
            continue
        elif key == "rendering":
            flat |= {f"rendering {name}": limit for name, limit in structs.asdict(value).items()}
        else:
            flat[key] = value
    return flat


def _shown(value: Any) -> str:
    if value is None:
        return DEFAULT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value)
