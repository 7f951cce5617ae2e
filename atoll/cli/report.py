"""The cluster as one HTML page: map, capacity and forecasts, lag, availability, alerts and cost.

The page holds everything it shows and loads nothing. --plots also writes each drawing as SVG and PNG (PNG
needs Pillow). What cannot be asked is named on the page, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec

from atoll.atomic_file import replaceable, write_atomically
from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say
from atoll.cli.report_cost import Cost, estimate, load
from atoll.cli.report_drawing import Drawing, svg_of
from atoll.cli.report_facts import Facts, gather
from atoll.cli.report_page import page_of, plots_of
from atoll.cli.report_png import png_of
from atoll.client.async_client import AsyncClient
from atoll.settings import SettingsError

OUT = Path("atoll-report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll report`."""
    add_shared(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"where the page is written ({OUT}; with --json: nowhere)"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the drawings there, as SVG and PNG")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="TOML table of prices for the estimate")


def run(args: argparse.Namespace) -> int:
    """A file, and its name; or the facts as one JSON document."""
    return with_client(args, _report)


async def _report(args: argparse.Namespace, client: AsyncClient, access: Access) -> int:
    prices = load(args.prices)
    facts = await gather(client, access, time.time())
    cost = estimate(facts, prices)
    drawings = plots_of(facts)
    out = args.out or (None if args.json else OUT)
    if out is not None:
        await asyncio.to_thread(_write, out, page_of(facts, cost, drawings).encode())
    if args.plots is not None:
        await asyncio.to_thread(write_plots, args.plots, drawings)
    if args.json:
        emit_json(_document(facts, cost))
    else:
        say(out)
        for what, why in sorted(facts.unasked.items()):
            note(f"! {what}: {why}")
    return Exit.SOME_FAILED if facts.unasked else Exit.OK


def _document(facts: Facts, cost: Cost) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(facts)
    return {**said, "cost": msgspec.to_builtins(cost)}


def write_plots(directory: Path, drawings: dict[str, Drawing]) -> None:
    """Each drawing as NAME.svg and NAME.png. Blocks. `SettingsError` for a place that cannot be written."""
    for name, drawing in drawings.items():
        _write(directory / f"{name}.svg", (svg_of(drawing, alone=True) + "\n").encode())
        _write(directory / f"{name}.png", png_of(drawing))


def _write(path: Path, body: bytes) -> None:
    try:
        write_atomically(replaceable(path), body, 0o644)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be written: {error.strerror}"]) from error
