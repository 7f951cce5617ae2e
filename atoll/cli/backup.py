"""Save what operators decided and no node can tell: regions, sets, buckets, API keys (hashed). Encrypted.

The passphrase comes from --passphrase-file, or is asked for. Images are not in it: they are on the nodes.
Keep a copy of the cluster secret beside it; a backup does not hold it.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

import msgspec

from atoll.atomic_file import replaceable, write_atomically
from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, say
from atoll.client.async_client import AsyncClient
from atoll.client.source import local_file
from atoll.sealed_file import seal_file
from atoll.settings import read_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll backup`."""
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="instead of asking for it")
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """One line that says what is in it."""
    return with_client(args, _backup)


async def _backup(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    phrase = passphrase(args.passphrase_file, twice=True)
    backup = await client.operations.backup()
    with local_file(args.file):
        write_atomically(replaceable(args.file), seal_file(msgspec.json.encode(backup), phrase))
    counts = {name: len(backup[name]) for name in ("regions", "sets", "buckets", "keys")}
    if args.json:
        emit_json({"file": str(args.file), **counts})
    else:
        say("saved", args.file, ", ".join(f"{count} {name}" for name, count in counts.items()))
    return Exit.OK


def passphrase(file: Path | None, *, twice: bool) -> str:
    """From a file, or asked for on the terminal; `WrongUsage` where there is none."""
    if file is not None:
        return _text(file, read_secret(file, 1))
    if not sys.stdin.isatty():
        raise WrongUsage("There is no terminal to ask for the passphrase: give --passphrase-file.")
    phrase = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Again: ") != phrase:
        raise WrongUsage("The two passphrases differ.")
    return phrase.strip()  # as that of a file


def _text(file: Path, secret: bytes) -> str:
    try:
        return secret.decode()
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file}: holds no passphrase: it is not UTF-8 text.") from error
