"""The options of `atoll bucket set` for versions, metadata, expiry, quotas, home regions and origins. Pure.

What is not named stays as it is; what a rule may be is the query service's to say, but for its form.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from atoll.bucket import Bucket, LifecycleRule, Quota
from atoll.cli.exit_codes import WrongUsage

DEFAULT, EVERYWHERE = "default", "everywhere"
_SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_SIZE = re.compile(r"([0-9]{1,15})(?:([KMGTP])(?:iB)?)?", re.ASCII)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """The options."""
    versions = parser.add_mutually_exclusive_group()
    versions.add_argument("--versioning", action="store_true", default=None, help="keep earlier versions")
    versions.add_argument("--no-versioning", action="store_false", dest="versioning", default=None)
    parser.add_argument("--metadata", choices=("keep", "strip"), help="strip: EXIF, XMP, IPTC and GPS go")
    parser.add_argument("--quota-bytes", metavar="N[K|M|G|T]", help=f"of all images; {DEFAULT}: no limit")
    parser.add_argument("--quota-assets", metavar="N", help=f"how many; {DEFAULT}: no limit")
    parser.add_argument(
        "--home-regions", metavar="REGION,…", help=f"images stay in these; {EVERYWHERE}: in all"
    )
    for name, metavar, text in (
        ("expire", "DAYS[,prefix=P][,tag=T]", "delete images after so many days"),
        ("cors", "ORIGIN", "web pages of this origin may upload with tickets"),
        ("fetch-host", "HOST", "images may be fetched from this host; *.example.org: from all under it"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, action="append", default=[], help=text)
        parser.add_argument(f"--no-{name}", metavar=metavar, action="append", default=[], help="no more")


def ruled(bucket: Bucket, args: argparse.Namespace) -> Bucket:
    """`bucket` as `args` wants it; `WrongUsage`."""
    policy: dict[str, Any] = {
        name: value for name in ("versioning", "metadata") if (value := getattr(args, name)) is not None
    }
    if args.home_regions is not None:
        policy["home_regions"] = () if args.home_regions == EVERYWHERE else _words(args.home_regions)
    policy["quota"] = _quota(bucket.quota, args)
    policy["lifecycle"] = _listed("expire", bucket.lifecycle, args.expire, args.no_expire, _rule)
    policy["cors"] = _listed("cors", bucket.cors, args.cors, args.no_cors, str)
    policy["fetch_hosts"] = _listed(
        "fetch-host", bucket.fetch_hosts, args.fetch_host, args.no_fetch_host, str
    )
    return structs.replace(bucket, **policy)


def rule_text(rule: LifecycleRule) -> str:
    """A rule as `--expire` takes it."""
    parts = [str(rule.expire_days)]
    parts += [f"prefix={rule.prefix}"] if rule.prefix else []
    return ",".join(parts + ([f"tag={rule.tag}"] if rule.tag is not None else []))


def _quota(quota: Quota, args: argparse.Namespace) -> Quota:
    said = {"bytes": args.quota_bytes, "assets": args.quota_assets}
    return structs.replace(quota, **{of: _size(of, text) for of, text in said.items() if text is not None})


def _size(of: str, text: str) -> int | None:
    if text == DEFAULT:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise WrongUsage(f"--quota-{of} is a whole number, as in 500 or 20G, or {DEFAULT}; got {text!r}.")
    return int(found[1]) * _SIZES[found[2] or ""]


def _rule(text: str) -> LifecycleRule:
    days, *more = text.split(",")
    facts = dict(part.partition("=")[::2] for part in more)
    if not (days.isascii() and days.isdigit() and len(days) <= 5) or facts.keys() - {"prefix", "tag"}:
        raise WrongUsage(f"--expire is written DAYS[,prefix=P][,tag=T], as in 30,prefix=tmp/; got {text!r}.")
    return LifecycleRule(int(days), facts.get("prefix", ""), facts.get("tag"))


def _listed(
    option: str, known: Sequence[Any], more: Sequence[str], less: Sequence[str], read: Callable[[str], Any]
) -> tuple[Any, ...]:
    gone = [read(text) for text in less]
    for one, text in zip(gone, less, strict=True):
        if one not in known:
            raise WrongUsage(f"--no-{option} {text}: the bucket has no such.")
    kept = [one for one in known if one not in gone]
    return tuple(dict.fromkeys([*kept, *(read(text) for text in more)]))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
