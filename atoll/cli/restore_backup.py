"""Put a backup back into a cluster, usually a new and empty one. What is there already stays as it is.

API keys come back as they were when the backup was made. In the cluster that it was made of, a key that was
revoked since stays revoked; a new cluster knows nothing of that, so whoever restores there is told.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.backup import passphrase
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, say
from atoll.client.async_client import AsyncClient
from atoll.client.source import local_file
from atoll.sealed_file import MAX_BODY, open_file

_KEY = "key."
KEYS_ARE_BACK = "API keys open again what they opened when the backup was made: revoke those revoked since."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll restore-backup`."""
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="instead of asking for it")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A line per entry."""
    return with_client(args, _restore)


async def _restore(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    with local_file(args.file), args.file.open("rb") as file:
        sealed = file.read(MAX_BODY + 1)  # more is refused
    body = open_file(sealed, passphrase(args.passphrase_file, twice=False))
    done = await client.operations.put_back(body)
    if args.json:
        emit_json(done)
        return Exit.OK
    for name in done.restored:
        say("restored", name)
    for name in done.kept:
        say("kept", name)
    if any(name.startswith(_KEY) for name in done.restored):
        say(KEYS_ARE_BACK)
    return Exit.OK
