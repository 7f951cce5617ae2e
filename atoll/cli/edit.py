"""Change what is said of assets: tags, context, title, alternative text. The images stay as they are.

Each is changed by itself and durable when its line appears. What is not named stays; empty texts take away.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import UNSET, UnsetType

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.argument_types import parallel
from atoll.cli.context_pairs import context_of
from atoll.cli.exit_codes import WrongUsage, code_of_many
from atoll.cli.output import emit_json, say, show_error
from atoll.client.async_client import AsyncClient
from atoll.client.search_calls import AssetChange, EditOutcome

_Advance = Callable[[], None]
MANY = 20  # from so many on a terminal shows how far it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll edit`."""
    parser.add_argument(
        "assets",
        metavar="ID",
        nargs="+",
        help="an asset id, or BUCKET/PUBLIC_ID; -: one a line on standard input",
    )
    parser.add_argument(
        "--add-tag", action="append", default=[], metavar="TAG", help="may be given several times"
    )
    parser.add_argument("--remove-tag", action="append", default=[], metavar="TAG", help="the same")
    parser.add_argument("--tags", metavar="TAGS", help='instead of all tags there are, by comma; "": none')
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key; several times: several",
    )
    parser.add_argument(
        "--remove-context", action="append", default=[], metavar="KEY", help="take a key away"
    )
    parser.add_argument("--title", metavar="TEXT")
    parser.add_argument("--alt", metavar="TEXT", help="the alternative text, for who cannot see the image")
    parser.add_argument("--parallel", type=parallel, default=8, metavar="N", help="at once (default 8)")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line per asset; those that fail do not stop the others."""
    return with_client(args, _edit)


async def _edit(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    names, change = list(_names(args.assets)), change_of(args)
    with _progress(len(names)) as advance:

        def over(outcome: EditOutcome) -> None:
            _tell(outcome, as_json=args.json)
            advance()

        outcomes = await client.edit_many(names, change, parallel=args.parallel, progress=over)
    return code_of_many(outcome.error for outcome in outcomes)


def change_of(args: argparse.Namespace) -> AssetChange:
    """What the options ask for; `WrongUsage` when that is nothing, or no KEY=VALUE."""
    context: dict[str, str | None] = {**dict.fromkeys(args.remove_context), **context_of(args.context)}
    change = AssetChange(
        tags=UNSET if args.tags is None else [tag for tag in args.tags.split(",") if tag.strip()],
        add_tags=args.add_tag,
        remove_tags=args.remove_tag,
        context=context or UNSET,
        title=_text(args.title),
        alt=_text(args.alt),
    )
    if change == AssetChange(tags=UNSET, add_tags=[], remove_tags=[]):
        raise WrongUsage("What is to be changed? Say --add-tag, --remove-tag, --context, --title or --alt.")
    return change


def _text(given: str | None) -> str | UnsetType | None:
    return UNSET if given is None else given or None


def _names(given: list[str]) -> Iterator[str]:
    for name in given:
        if name == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield name


def _tell(outcome: EditOutcome, *, as_json: bool) -> None:
    if outcome.error is not None:
        show_error(outcome.error, about=outcome.reference)
        if as_json:
            emit_json({"asset": outcome.reference, "status": "failed", "problem": outcome.error.problem()})
    elif as_json:
        emit_json({"asset": outcome.reference, "status": "edited", "edited": outcome.asset})
    elif outcome.asset is not None:
        say("edited", outcome.asset.asset_id, outcome.reference)


@contextmanager
def _progress(total: int) -> Iterator[_Advance]:
    if total < MANY or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("editing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("editing", total=total)
        yield lambda: bar.advance(task)
