"""`atoll url --offline`: a signed URL made here, from a signing key, with no cluster asked."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.output import emit_json, say
from atoll.client.offline import read_key, sign_blob, sign_image
from atoll.client.reference import parse_reference
from atoll.client.settings import check_url
from atoll.client.source import FileUnusable
from atoll.delivery_keys import DeliveryKey

_SECONDS = 600


def add_offline(parser: argparse.ArgumentParser) -> None:
    """The options."""
    group = parser.add_argument_group("without asking the cluster")
    group.add_argument("--offline", action="store_true", help="sign here, with a signing key")
    group.add_argument("--key-file", type=Path, metavar="FILE", help="the signing key")
    group.add_argument(
        "--base",
        metavar="URL",
        help="for BUCKET/PUBLIC_ID a query service's address, for BUCKET/SET/SHA256.EXT a node's",
    )


def run_offline(args: argparse.Namespace) -> int:
    """Print the URL."""
    if not args.key_file or not args.base:
        raise WrongUsage("--offline needs --key-file and --base.")
    try:
        check_url(args.base)
    except ValueError as error:
        raise WrongUsage(f"--base: {error}") from error
    expires_at, url = int(time.time()) + (args.expires or _SECONDS), ""
    key, what = _key(args.key_file), parse_reference(args.image)
    options = {"transformation": args.transformation, "net": args.net}
    if what.bucket is None or (what.handle is None and what.public_id is None):
        raise WrongUsage("Without the cluster say BUCKET/PUBLIC_ID or BUCKET/SET/SHA256.EXT.")
    if what.handle is not None:
        url = sign_blob(key, args.base, what.bucket, what.handle, expires_at, **options)
    elif what.public_id is not None:
        url = sign_image(key, args.base, what.bucket, what.public_id, expires_at, **options)
    if args.json:
        emit_json({"url": url, "expires_at": expires_at})
    else:
        say(url)
    return Exit.OK


def _key(path: Path) -> DeliveryKey:
    try:
        return read_key(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnusable(f"{path} cannot be read: {error}") from error
    except ValueError as error:
        raise FileUnusable(f"{path} holds no signing key: {error}") from error
