"""Is this machine fit for Atoll's daemons? Looked at before they start, and after something was changed.

Give it the settings files of this machine's daemons, or the directory they lie in; without, it looks at the
machine alone. Run it as the
daemons' user (sudo -u atoll atoll preflight …): what others may do here says nothing. A small file is written
and synced for up to half a minute in the data directory; nothing else is changed. Exit code 0: nothing stands
in the way (warnings may), 1: something does.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, show_table
from atoll.cli.preflight_disk import look_at_directory
from atoll.cli.preflight_finding import Look, in_order, verdict
from atoll.cli.preflight_host import look_at_host
from atoll.cli.preflight_settings import (
    Reach,
    look_at_files,
    look_at_port,
    look_at_settings,
    settings_files,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll preflight`."""
    parser.add_argument("settings", nargs="*", type=Path, metavar="PATH", help="such as /etc/atoll")
    parser.add_argument("--data", type=Path, metavar="DIR", help="try this disk, though no settings name it")
    parser.add_argument("--no-engines", action="store_true", help="do not ask NATS, MongoDB and Redis")
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """See the module."""
    looks = list(_all(args))
    worst = verdict(looks)
    if args.json:
        emit_json({"verdict": worst, "looks": msgspec.to_builtins(looks)})
    else:
        show_table("This machine", ("", "LOOKED AT", "FOUND"), [(k.level, k.check, k.found) for k in looks])
        for look in in_order(looks):
            if look.todo:
                note(f"→ {look.check}: {look.todo}")
    return Exit.SOME_FAILED if worst == "failed" else Exit.OK


def _all(args: argparse.Namespace) -> Iterator[Look]:
    yield from look_at_host()
    if args.data is not None:
        yield from look_at_directory(args.data, holds_data=True)
    reaches: list[Reach] = []
    for path in settings_files(args.settings):
        reach, look = look_at_settings(path)
        yield look
        if reach is not None:
            reaches.append(reach)
            yield from _of(reach)
    if not args.no_engines:
        yield from once(look_at_engines(reaches))


def _of(reach: Reach) -> Iterator[Look]:
    yield from look_at_files(reach)
    yield look_at_port(reach)
    yield from look_at_directory(reach.state_dir, holds_data=False)
    if reach.data_dir is not None:
        yield from look_at_directory(reach.data_dir, holds_data=True)


def look_at_engines(reaches: Iterable[Reach]) -> Iterator[Look]:
    """Those that the daemons name, each once.

    Imported late: the drivers are the daemons' (atoll[server]), and `--no-engines` does without.
    """
    from atoll.cli.preflight_engines import look_at_mongodb, look_at_nats, look_at_redis

    asked: set[object] = set()
    for reach in reaches:
        nats = (reach.nats_url, reach.nats_user, reach.nats_map_domain)
        if nats not in asked:
            yield from asyncio.run(look_at_nats(reach))
        if reach.mongodb_url_file and reach.mongodb_url_file not in asked:
            yield from look_at_mongodb(reach.mongodb_url_file, reach.mongodb_database)
        if reach.redis_url_file and reach.redis_url_file not in asked:
            yield from look_at_redis(reach.redis_url_file)
        asked |= {nats, reach.mongodb_url_file, reach.redis_url_file}


def once(looks: Iterable[Look]) -> Iterator[Look]:
    """Each finding once, though several daemons have it."""
    seen: set[Look] = set()
    for look in looks:
        if look not in seen:
            seen.add(look)
            yield look
