"""Find assets by what they are and what is said of them: id, size, width x height, public_id, a line each.

All that is given must hold. WORDS begin words of the title, the alternative text or the public_id.
"""

from __future__ import annotations

import argparse
from typing import cast, get_args

from atoll.cli.access import Access, add_shared, bucket_of, with_client
from atoll.cli.argument_types import count
from atoll.cli.ls import show
from atoll.cli.output import emit_json
from atoll.client.async_client import AsyncClient
from atoll.client.search_calls import Filters
from atoll.model import Extension

SORTS = ("public_id", "created_at", "bytes", "width", "height")
_FILTERS = (
    "prefix", "format", "orientation", "color", "min_bytes", "max_bytes", "min_width", "max_width",
    "min_height", "max_height", "created_after", "created_before", "sort",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll search`."""
    parser.add_argument(
        "words", metavar="WORDS", nargs="*", help="words of title, alternative text, public_id"
    )
    parser.add_argument("--bucket", help="the bucket; may be left out when there is only one")
    parser.add_argument("--prefix", help="only public_ids that start with this")
    parser.add_argument("--tag", action="append", default=[], help="a tag; given several times: all of them")
    parser.add_argument("--format", choices=get_args(Extension), help="only images of this type")
    parser.add_argument("--orientation", choices=["landscape", "portrait", "square"])
    parser.add_argument(
        "--color", help="red, blue, … or a colour's CSS name, or #rrggbb: its family is meant"
    )
    faces = parser.add_mutually_exclusive_group()
    faces.add_argument("--faces", action="store_true", default=None, help="only images with faces")
    faces.add_argument("--no-faces", action="store_false", dest="faces", help="only images without any")
    for name in ("bytes", "width", "height"):
        parser.add_argument(f"--min-{name}", type=int, metavar="N")
        parser.add_argument(f"--max-{name}", type=int, metavar="N")
    parser.add_argument(
        "--created-after", metavar="WHEN", help="2026-01-31, or RFC 3339; this moment included"
    )
    parser.add_argument("--created-before", metavar="WHEN", help="this moment not included")
    parser.add_argument(
        "--sort",
        choices=[*SORTS, *(f"-{name}" for name in SORTS)],
        help="--sort=-bytes: the largest first; with WORDS created_at or -created_at",
    )
    parser.add_argument("--fields", metavar="NAMES", help="with --json: only these members, by comma")
    parser.add_argument("--limit", type=count, metavar="N", help="at most so many")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset, as the pages come."""
    return with_client(args, _search)


async def _search(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    bucket = await bucket_of(args, client, access)
    filters = _filters(args)
    if args.json and args.fields:
        names = [name.strip() for name in args.fields.split(",")]
        async for parts in client.search_fields(bucket, names, limit=args.limit, **filters):
            emit_json(parts)
        return 0
    async for asset in client.search(bucket, limit=args.limit, **filters):
        show(asset, as_json=args.json)
    return 0


def _filters(args: argparse.Namespace) -> Filters:
    given = {name: getattr(args, name) for name in _FILTERS if getattr(args, name) is not None}
    given |= {"tags": args.tag} if args.tag else {}
    given |= {"has_faces": args.faces} if args.faces is not None else {}
    given |= {"q": " ".join(args.words)} if args.words else {}
    return cast("Filters", given)  # the options have the filters' names
