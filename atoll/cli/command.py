"""Picks the verb, runs it, and turns every error into words and an exit code. Called by `__main__`."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from types import ModuleType
from typing import Any

from atoll.cli.exit_codes import Exit, code_of, table
from atoll.cli.output import emit_json, show_error
from atoll.client.source import unusable
from atoll.errors import AtollError
from atoll.kept_imports import kept_imports
from atoll.settings import SettingsError
from atoll.version import __version__

# verb: (module, what it does). A module is imported only when its verb is used.
USER_VERBS = {
    "upload": ("atoll.cli.upload", "upload files and directories to the nearest node"),
    "sync": ("atoll.cli.sync", "make a folder of a bucket like a local one, by hash"),
    "import": ("atoll.cli.import_files", "upload a folder tree, or what an S3 listing names"),
    "export": ("atoll.cli.export", "download a bucket, with a manifest"),
    "url": ("atoll.cli.url", "where an image is, for a client somewhere"),
    "ticket": ("atoll.cli.ticket", "permission to upload, for a page or a program without a key"),
    "get": ("atoll.cli.get", "fetch an image, checked against its hash"),
    "ls": ("atoll.cli.ls", "list a bucket"),
    "search": ("atoll.cli.search", "find assets by words, tags, size, colour, …"),
    "edit": ("atoll.cli.edit", "change tags, context, title and alternative text"),
    "versions": ("atoll.cli.versions", "the versions of an asset; delete one"),
    "rollback": ("atoll.cli.rollback", "go back to a version of an asset"),
    "mv": ("atoll.cli.mv", "rename an asset, with its versions"),
    "cp": ("atoll.cli.cp", "copy an asset within its bucket"),
    "rm": ("atoll.cli.rm", "delete assets"),
    "restore": ("atoll.cli.restore", "bring deleted assets back from the trash"),
    "locations": ("atoll.cli.locations", "which nodes hold an asset's bytes, or removed them"),
    "verify": ("atoll.cli.verify", "prove where every image is"),
    "status": ("atoll.cli.status", "how the cluster is"),
    "doctor": ("atoll.cli.doctor", "what is wrong and what to do, the most urgent first"),
    "alerts": ("atoll.cli.alerts", "what alarms and who is told; acknowledge and silence"),
    "report": ("atoll.cli.report", "the cluster as a picture: one HTML page, and plots"),
    "cost": ("atoll.cli.cost", "what a month costs elsewhere, by price lists, and here"),
    "scale": ("atoll.cli.scale", "why regions grow or do not; what was started"),
    "bucket": ("atoll.cli.bucket", "make, list, show, change and delete buckets"),
    "buckets": ("atoll.cli.buckets", "list buckets, or make one"),
    "key": ("atoll.cli.key", "make, list, rotate and revoke API keys"),
    "signing-key": ("atoll.cli.signing_key", "keys that sign the URLs of private images"),
    "jobs": ("atoll.cli.jobs", "heavy work in the background: transform, look, export; watch and cancel"),
    "webhooks": ("atoll.cli.webhooks", "endpoints that are told of events, and what was sent to them"),
    "upload-key": ("atoll.cli.upload_key", "keys that sign upload tickets offline"),
    "audit": ("atoll.cli.audit", "what administrators did"),
    "node": ("atoll.cli.node", "list, drain, remove and replace nodes"),
    "set": ("atoll.cli.set", "list, seal and unseal sets"),
    "scrub": ("atoll.cli.scrub", "how far nodes are with reading their blobs again; pause it"),
    "catalog": ("atoll.cli.catalog", "compare the catalog with the nodes, or rebuild it"),
    "backup": ("atoll.cli.backup", "save regions, sets, buckets and keys, encrypted"),
    "restore-backup": ("atoll.cli.restore_backup", "put a backup back"),
    "init": ("atoll.cli.init", "write the settings and secrets of a machine"),
    "preflight": ("atoll.cli.preflight", "is this machine fit for the daemons?"),
}
LOCAL_VERBS = {
    "up": ("atoll.local.up", "run a cluster of three regions on this machine"),
    "demo": ("atoll.local.demo", "the same, shown working"),
    "demo-growth": ("atoll.local.demo_growth", "disks fill up, and the cluster grows by itself"),
}


def run(arguments: list[str]) -> int:
    """Run the command; returns its exit code (see `exit_codes`). What can go wrong is told in words."""
    try:
        _have_streams()
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return Exit.BROKEN_PIPE
    except AtollError as error:
        return _told(error, arguments)
    except OSError as error:  # any other is an AtollError by now: standard output is full, or its disk fails
        _let_go_of_stdout()
        return _told(unusable(error, error.filename or "standard output"), arguments)
    except SystemExit as end:  # argparse: 0 after --help, 2 for wrong usage
        return end.code if isinstance(end.code, int) else Exit.USAGE
    return code


def _told(error: AtollError, arguments: list[str]) -> int:
    show_error(error)
    if "--json" in arguments:
        emit_json({"problem": error.problem()})
    return code_of(error)


def _have_streams() -> None:
    """Streams that the caller closed (`>&-`) lead nowhere; what a terminal has no letters for is escaped."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # in this order, each gets the number of the one that is missing
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115 - for as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """The interpreter flushes it once more at its end; there must be somewhere to flush to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if not arguments:
        _parser(None, None).print_help(sys.stderr)
        return Exit.USAGE
    module = _import(verb) if verb in USER_VERBS | LOCAL_VERBS and verb is not None else None
    args = _parser(verb, module).parse_args(arguments)
    assert module is not None, "argparse asks for a verb it knows"
    code: int = module.run(args)
    return code


def _import(verb: str) -> ModuleType:
    name, _ = (USER_VERBS | LOCAL_VERBS)[verb]
    try:
        with kept_imports():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if verb not in LOCAL_VERBS:
            raise
        raise SettingsError(
            [f"`atoll {verb}` needs parts that are not installed ({error.name}): pip install 'atoll[local]'"]
        ) from error


class _Help(argparse.RawDescriptionHelpFormatter):
    """Verbs and options of usual length stand beside their explanation, not above it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class _Verb(argparse.ArgumentParser):
    """Says itself what it does not know: the command as a whole would show only its own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown


def _parser(chosen: str | None, module: ModuleType | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atoll",
        description="Atoll: your own image CDN, on your own machines.",
        epilog=table(),
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"atoll {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Verb)
    for verb, (_, does) in (USER_VERBS | LOCAL_VERBS).items():
        sub = verbs.add_parser(
            verb,
            help=does,
            description=(module.__doc__ if verb == chosen and module is not None else does),
            epilog=table(),
            formatter_class=_Help,
        )
        if verb == chosen and module is not None:
            module.add_arguments(sub)
    return parser
