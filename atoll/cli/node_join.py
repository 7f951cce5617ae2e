"""`atoll node join-token` invites a node, `atoll node join` uses the token on the new machine.

The token is read from a file or from stdin, never from the command line: other users can see that.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from atoll.cli.access import Access, add_shared
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say
from atoll.cli.spans import span
from atoll.client.async_client import AsyncClient
from atoll.client.joining import NewNode, use_token, write_files


def add_join_token(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll node join-token`."""
    parser.add_argument("node", metavar="NAME", help="the new node's name")
    parser.add_argument("--region", required=True, help="where it stands; the cluster knows the region")
    parser.add_argument("--set", required=True, help="its replica set; a new one begins with it")
    parser.add_argument("--expires", type=span, default=3600, metavar="TIME", help="such as 1h (default)")
    add_shared(parser)


def add_join(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll node join`."""
    parser.add_argument("--url", action="append", required=True, help="a query service; may be repeated")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token (default: stdin)")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="settings and secrets go here")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the node's data directory")
    parser.add_argument("--public-url", required=True, help="how clients and peers reach the node")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8410, help="the node's port (default: 8410)")
    parser.add_argument("--replicator-port", type=int, default=8430, help="the replicator's (default: 8430)")
    parser.add_argument("--tls-ca-file", type=Path, metavar="FILE", help="CA of the query services")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


async def invite(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    """Print a token."""
    made = await client.operations.invite(args.node, args.region, args.set, args.expires)
    if args.json:
        emit_json(made)
    else:
        say(made.token)
        note(f"It lets in one machine as {made.node}, until {made.expires_at}: `atoll node join` there.")
    return Exit.OK


def join(args: argparse.Namespace) -> int:
    """Use the token; write the settings; say how to start the daemons."""
    token = args.token_file.read_text() if args.token_file else sys.stdin.read()
    grant = asyncio.run(use_token(args.url, token, args.to, args.tls_ca_file))
    new = NewNode(args.to, args.data, args.public_url, args.host, args.port, args.replicator_port)
    node, replicator = write_files(grant, new)
    if args.json:
        emit_json({"node": grant.node, "set": grant.set, "settings": [str(node), str(replicator)]})
    else:
        say("joined", grant.node, f"set {grant.set}, region {grant.region}")
        note(f"→ start: python -m storage_node --settings {node}")
        note(f"→ start: python -m replicator --settings {replicator}")
    return Exit.OK
