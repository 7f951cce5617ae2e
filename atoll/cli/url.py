"""Where an image is: the URL on the node nearest to a client (this one unless said otherwise)."""

from __future__ import annotations

import argparse

from atoll.cli.access import Access, add_shared, with_client
from atoll.cli.exit_codes import WrongUsage
from atoll.cli.output import emit_json, say
from atoll.cli.spans import span
from atoll.cli.url_offline import add_offline, run_offline
from atoll.client.async_client import AsyncClient
from atoll.model import Position

IMAGE_HELP = "an asset id, BUCKET/PUBLIC_ID, or BUCKET/SET/SHA256.EXT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll url`."""
    parser.add_argument("image", metavar="ID", help=IMAGE_HELP)
    add_transformation(parser)
    parser.add_argument("--region", help="as if the client were in this region")
    parser.add_argument("--lat", type=float, metavar="DEGREES", help="as if the client were there")
    parser.add_argument("--lon", type=float, metavar="DEGREES")
    parser.add_argument(
        "--expires", type=span, metavar="SPAN", help="a signed URL is good for so long: 10m, 7d"
    )
    parser.add_argument("--net", metavar="CIDR", help="a signed URL is good in this network only")
    add_offline(parser)
    parser.add_argument("--all", action="store_true", help="also the other nodes, best first")
    add_shared(parser)


def add_transformation(parser: argparse.ArgumentParser) -> None:
    """What `url` and `get` share."""
    parser.add_argument(
        "-t",
        "--transformation",
        metavar="TEXT",
        help="of what this makes of the image: c_fill,g_auto,w_200,h_200 or t_NAME",
    )


def run(args: argparse.Namespace) -> int:
    """Print the URL, or with --all: URL, node, region and distance of each."""
    if args.offline:
        return run_offline(args)
    return with_client(args, _url)


def _position(args: argparse.Namespace) -> Position | None:
    if (args.lat is None) != (args.lon is None):
        raise WrongUsage("--lat and --lon belong together.")
    return None if args.lat is None else Position(args.lat, args.lon)


async def _url(args: argparse.Namespace, client: AsyncClient, _: Access) -> int:
    found = await client.url(
        args.image,
        transformation=args.transformation,
        region=args.region,
        position=_position(args),
        expires_in=args.expires,
        net=args.net,
    )
    if args.json:
        emit_json(found)
    elif args.all:
        for one in found.candidates:
            say(one.url, one.node, one.region, "" if one.distance_km is None else f"{one.distance_km:.0f} km")
    else:
        say(found.url)
    return 0
