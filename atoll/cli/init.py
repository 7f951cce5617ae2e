"""Settings and secrets of one machine, written once.

ROLE is what the machine is: `machine` (everything, and the first of its cluster: it makes the secrets), or
`node`, `query` or `monitor` of a cluster that exists. Nothing is ever overwritten. Secrets get mode 600, and
none is shown: what is printed is where they lie, and what to do next.
"""

from __future__ import annotations

import argparse
import secrets
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from atoll import names
from atoll.cli.exit_codes import Exit, WrongUsage
from atoll.cli.init_order import InitOrder, Plan, plan
from atoll.cli.init_write import owner_of, refuse_existing, write
from atoll.cli.output import emit_json, note, say
from atoll.daemon_settings import check_nats_urls
from atoll.errors import AtollError
from atoll.settings import read_secret

_UNITS = {
    "storage_node": "atoll-storage-node",
    "replicator": "atoll-replicator",
    "query_service": "atoll-query-service",
    "monitor": "atoll-monitor",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll init`."""
    parser.add_argument("role", choices=("machine", "node", "query", "monitor"), help="what this machine is")
    parser.add_argument("--region", required=True, help="where it stands")
    parser.add_argument("--name", help="unique in the cluster (default: REGION-1)")
    parser.add_argument("--lat", type=float, help="latitude of a region that is new to the cluster")
    parser.add_argument("--lon", type=float, help="its longitude")
    parser.add_argument("--set", default="s1", help="the node's replica set (default: s1)")
    parser.add_argument("--public-url", default="", help="how clients and peers reach the node")
    parser.add_argument("--query-url", default="", help="how clients reach the query service")
    parser.add_argument("--service-url", action="append", default=[], help="what a monitor asks; repeat it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    _add_places(parser)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", type=Path, default=Path("/etc/atoll"), metavar="DIR", help="settings, secrets"
    )
    parser.add_argument(
        "--data", type=Path, default=Path("/var/lib/atoll"), metavar="DIR", help="data, state"
    )
    parser.add_argument("--nats-url", default="nats://127.0.0.1:4222", help="servers of this region")
    parser.add_argument("--nats-replicas", type=int, default=1, help="of streams: 3 in a cluster of 3")
    parser.add_argument("--map-domain", help="JetStream domain that is home to the cluster map")
    parser.add_argument("--region-domain", help="JetStream domain of this region")
    parser.add_argument("--mongodb-host", default="127.0.0.1:27017", help="for the URL that `machine` writes")
    parser.add_argument("--redis-host", default="127.0.0.1:6379", help="likewise")
    parser.add_argument("--secret-file", type=Path, metavar="FILE", help="the cluster secret there is")
    parser.add_argument("--owner", metavar="USER", help="whom the files are to belong to, such as atoll")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """See the module."""
    order = _order(args)
    made = plan(order, _new_secret)
    refuse_existing(made.files)
    if not args.dry_run:
        write(made.files, order.to, owner_of(args.owner))
    steps = next_steps(made, order)
    if args.json:
        emit_json(_document(made, steps, args.dry_run))
    else:
        _show(made, steps, args.dry_run)
    return Exit.OK


def _new_secret() -> str:
    """256 random bits behind a letter: NATS takes what begins with a digit for a number."""
    return f"s{secrets.token_urlsafe(32)}"


def _order(args: argparse.Namespace) -> InitOrder:
    order = InitOrder(
        role=args.role,
        to=args.to.absolute(),
        data=args.data.absolute(),
        region=args.region,
        name=args.name or f"{args.region}-1",
        replica_set=args.set,
        lat=args.lat,
        lon=args.lon,
        public_url=args.public_url,
        query_url=args.query_url,
        service_urls=tuple(args.service_url),
        host=args.host,
        nats_url=args.nats_url,
        nats_replicas=args.nats_replicas,
        map_domain=args.map_domain,
        region_domain=args.region_domain,
        mongodb_host=args.mongodb_host,
        redis_host=args.redis_host,
        secret=read_secret(args.secret_file).decode() if args.secret_file else None,
    )
    _check(order)
    return order


def _check(order: InitOrder) -> None:
    """`WrongUsage` for what a daemon would refuse."""
    try:
        names.check_node(order.name)
        names.check_region(order.region)
        names.check_set(order.replica_set)
        check_nats_urls(order.nats_url)
    except (AtollError, ValueError) as error:
        raise WrongUsage(str(error)) from error
    if order.role in {"machine", "node"}:
        _check_url(order.public_url, "--public-url")
    if order.role == "machine" and (order.lat is None or order.lon is None):
        raise WrongUsage("The first machine says where its region is: --lat 50.11 --lon 8.68")
    if (order.lat is None) != (order.lon is None) or abs(order.lat or 0) > 90 or abs(order.lon or 0) > 180:
        raise WrongUsage("--lat and --lon are degrees, -90 to 90 and -180 to 180; both or neither.")
    if order.query_url:
        _check_url(order.query_url, "--query-url")


def _check_url(url: str, option: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise WrongUsage(f"{option} is an address such as https://eu1.images.example.org")


def next_steps(made: Plan, order: InitOrder) -> list[str]:
    """What is left to do, in order, as sentences that end in a command where there is one."""
    steps = [f"make {file.path}: {file.todo}" for file in made.missing]
    if order.first:
        steps.append(f"start NATS, Valkey and MongoDB with what is in {order.to}: see deploy/README.md")
    steps.append(f"look at this machine: atoll preflight {shlex.quote(str(order.to))}")
    units = " ".join(_UNITS[daemon] for daemon in made.daemons)
    steps.append(f"start the daemons: systemctl enable --now atoll.target {units}")
    if order.first:
        key = shlex.quote(str(order.to / "admin.key"))
        steps.append(f"use it: ATOLL_URL=http://127.0.0.1:8400 ATOLL_API_KEY_FILE={key} atoll status")
    return steps


def _document(made: Plan, steps: list[str], dry: bool) -> dict[str, object]:
    return {
        "written": not dry,
        "files": [{"path": str(file.path), "mode": f"{file.mode:o}"} for file in made.files],
        "missing": [{"path": str(file.path), "todo": file.todo} for file in made.missing],
        "daemons": list(made.daemons),
        "next": steps,
    }


def _show(made: Plan, steps: list[str], dry: bool) -> None:
    for file in made.files:
        say("would write" if dry else "wrote", file.path, f"{file.mode:o}")
    for step in steps:
        note(f"→ {step}")
