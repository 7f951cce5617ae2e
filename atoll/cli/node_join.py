"""`atoll node join-token` invites a node, `atoll node join` uses the token on the new machine.

The token is read from a file or from stdin, never from the command line: other users can see that.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from atoll.cli.access import Access, add_shared
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.join_dry_run import would_join
from atoll.cli.output import emit_json, note, say
from atoll.cli.spans import span
from atoll.client.async_client import AsyncClient
from atoll.client.joining import NewNode, use_token, write_files
from atoll.daemon_settings import check_nats_urls


def add_join_token(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll node join-token`."""
    parser.add_argument("node", metavar="NAME", help="the new node's name")
    parser.add_argument("--region", required=True, help="where it stands; the cluster knows the region")
    parser.add_argument("--set", required=True, help="its replica set; a new one begins with it")
    parser.add_argument("--expires", type=span, default=3600, metavar="TIME", help="such as 1h (default)")
    parser.add_argument("--dry-run", action="store_true", help="only say who would be invited")
    add_shared(parser)


def add_join(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll node join`."""
    parser.add_argument("--url", action="append", required=True, help="a query service; may be repeated")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token (default: stdin)")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="settings and secrets go here")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the node's data directory")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the daemons' state (default: in --to)")
    parser.add_argument("--public-url", required=True, help="how clients and peers reach the node")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8410, help="the node's port (default: 8410)")
    parser.add_argument("--replicator-port", type=int, default=8430, help="the replicator's (default: 8430)")
    parser.add_argument("--nats-url", help="this region's NATS servers, where each region has its own")
    parser.add_argument("--tls-ca-file", type=Path, metavar="FILE", help="CA of the query services")
    parser.add_argument("--dry-run", action="store_true", help="read the token and say what would be written")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


async def invite(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    """Print a token, or what forbids it."""
    if args.dry_run:
        return await _would_invite(args, client)
    made = await client.operations.invite(args.node, args.region, args.set, args.expires)
    if args.json:
        emit_json(made)
    else:
        say(made.token)
        note(f"It lets in one machine as {made.node}, until {made.expires_at}: `atoll node join` there.")
    return Exit.OK


async def _would_invite(args: argparse.Namespace, client: AsyncClient) -> int:
    """By what the cluster shows: a region that it knows, and a name that no node ever had."""
    if args.region not in {region.name for region in await client.regions()}:
        raise WrongUsage(f"The cluster knows no region {args.region}.")
    if args.node in {node.name for node in await client.nodes()}:
        raise WrongUsage(f"There is, or was, a node {args.node}; a name is used once.")
    known = args.set in {one.name for one in await client.sets()}
    say("would invite", args.node, f"{'set' if known else 'a new set,'} {args.set}, region {args.region}")
    return Exit.OK


def join(args: argparse.Namespace) -> int:
    """Use the token; write the settings; say how to start the daemons."""
    token = args.token_file.read_text() if args.token_file else sys.stdin.read()
    if args.dry_run:
        return would_join(token, args.to, args.json)
    if args.nats_url is not None:
        try:
            check_nats_urls(args.nats_url)
        except ValueError as error:
            raise WrongUsage(f"--nats-url {error}") from error
    grant = asyncio.run(use_token(args.url, token, args.to, args.tls_ca_file))
    new = NewNode(
        args.to,
        args.data,
        args.public_url,
        args.host,
        args.port,
        args.replicator_port,
        nats_url=args.nats_url,
        state=args.state,
    )
    node, replicator = write_files(grant, new)
    if args.json:
        emit_json({"node": grant.node, "set": grant.set, "settings": [str(node), str(replicator)]})
    else:
        say("joined", grant.node, f"set {grant.set}, region {grant.region}")
        note(f"→ start: python -m storage_node --settings {node}")
        note(f"→ start: python -m replicator --settings {replicator}")
    return Exit.OK
