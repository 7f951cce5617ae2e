"""What a month costs elsewhere by published price lists, and here by your own prices. Asks no cluster.

Lists are dated, and named with --json; prices of machines are round figures of no provider until you give
yours (--prices, as for `atoll report`). docs/cost.md says what is left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, on_terminal, say, show_table
from atoll.cli.price_lists import LISTS, Machines, PriceList, Use, bills, units
from atoll.cli.report_cost import Prices, load

MOST = 1e15


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value <= MOST:
        raise argparse.ArgumentTypeError(f"0 to {MOST:.0e}")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll cost`."""
    use, machines = Use(), Machines()
    for name, default, told in (
        ("images", use.images, "images held"),
        ("new", use.new, "of them new this month"),
        ("mean-bytes", use.mean_bytes, "of an image"),
        ("renditions", use.renditions, "of each image"),
        ("rendition-bytes", use.rendition_bytes, "of a rendition"),
        ("views", use.views, "renditions sent to readers"),
        ("nodes", machines.nodes, "of yours, each in a region"),
        ("disk-gb", machines.disk_gb, "of each node"),
    ):
        parser.add_argument(
            f"--{name}", type=_amount, default=default, metavar="N", help=f"{told} ({default:,.0f})"
        )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="TOML table of your prices")
    parser.add_argument("--json", action="store_true", help="one JSON document, with sources")


def run(args: argparse.Namespace) -> int:
    """A line each: who, dollars a month, what is not in it."""
    prices = load(args.prices)
    use = Use(args.images, args.new, args.mean_bytes, args.renditions, args.rendition_bytes, args.views)
    found = bills(use, Machines(args.nodes, args.disk_gb), prices.default)
    if args.json:
        emit_json(_document(use, found, prices))
        return Exit.OK
    notes = {one.name: one.note for one in LISTS}
    ours = f"{prices.currency}, {prices.dated}: {prices.note}"
    rows = [(name, f"{month:,.0f}", notes.get(name, ours)) for name, month in found]
    if on_terminal():
        show_table("A month", ("", "DOLLARS", "NOTE"), rows)
    else:
        for row in rows:
            say(*row)
    note("US dollars a month, by price lists; without free allowances, discounts, taxes and anybody's time.")
    return Exit.OK


def _document(use: Use, found: list[tuple[str, float]], prices: Prices) -> dict[str, Any]:
    return {"use": use, "month": dict(found), "lists": LISTS, "prices": prices}


def updated(page: str) -> str:
    """The page with its two tables as the price lists make them."""
    heads = "a million images held", "a GB held", "a GB sent", "a million views", "a million renditions made"
    rows = [[one.name, *(f"{unit:,.4g}" for unit in units(one)), _read(one)] for one in LISTS]
    page = _put(page, "units", ["", *heads, "read"], rows)
    notes = {one.name: one.note for one in LISTS}
    found = bills(Use(), Machines(), Prices().default)
    rows = [
        [name, f"{month:,.0f}", notes.get(name, "at round figures of no provider")] for name, month in found
    ]
    return _put(page, "example", ["", "a month", ""], rows)


def _read(one: PriceList) -> str:
    return f"{one.read_on}, second hand" if one.second_hand else one.read_on


def _put(page: str, name: str, heads: list[str], rows: list[list[str]]) -> str:
    begin, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    before, rest = page.split(begin)
    return before + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(updated(file.read_text(encoding="utf-8")), encoding="utf-8")
