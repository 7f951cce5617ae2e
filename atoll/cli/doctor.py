"""What is wrong and what to do about it, the most urgent first.

Asks every query service, the monitor, and through them all nodes and engines. Exit code 0 when nothing is
found, 1 when something is, 5 when neither a query service nor the monitor answers.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

import msgspec

from atoll.cli.access import Access, add_shared, find_access
from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, say
from atoll.cli.spans import spell
from atoll.client.monitor_calls import Finding, MonitorCalls
from atoll.client.services import ServiceView, ask_services
from atoll.errors import AtollError
from atoll.version import __version__

_URGENCY = {"critical": 0, "warning": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atoll doctor`."""
    add_shared(parser)


def run(args: argparse.Namespace) -> int:
    """A numbered list, or one JSON document."""
    return asyncio.run(_doctor(args.json, find_access(args)))


async def _doctor(as_json: bool, access: Access) -> int:
    ca = access.settings.tls_ca_file
    services, told = await asyncio.gather(ask_services(access.urls, ca), _monitor(access))
    findings = in_order([*of_services(services), *told])
    if as_json:
        emit_json({"healthy": not findings, "findings": msgspec.to_builtins(findings)})
    else:
        _show(findings)
    reached = any(service.error is None for service in services)
    if not reached and any(finding.rule == "no_monitor" for finding in findings):
        return Exit.UNAVAILABLE
    return Exit.SOME_FAILED if findings else Exit.OK


async def _monitor(access: Access) -> Sequence[Finding]:
    if access.monitor is None:
        todo = "Say where it is: monitor_url in the settings (ATOLL_MONITOR_URL)."
        return [Finding("warning", "monitor", "monitor", "no monitor is named", todo, "no_monitor")]
    try:
        return await MonitorCalls(access.monitor, access.api_key, access.settings.tls_ca_file).findings()
    except AtollError as error:
        detail = f"the monitor cannot be asked: {error.detail}"
        todo = "Start it, or check its address and the API key: without it nobody is warned."
        return [Finding("critical", "monitor", access.monitor, detail, todo, "no_monitor")]


def of_services(services: Sequence[ServiceView]) -> list[Finding]:
    """What can be seen from here: query services that do not answer, or run another version."""
    found = []
    for service in services:
        if service.error is not None:
            todo = "Look at its log and start it again; clients use the others meanwhile."
            detail = f"query service {service.url} does not answer: {service.error}"
            found.append(Finding("critical", "service", service.url, detail, todo, "service"))
        elif service.version != __version__:
            detail = f"query service {service.name} runs {service.version}, this command is {__version__}"
            todo = "Bring both to one version."
            found.append(Finding("warning", "service", service.name, detail, todo, "version"))
    return found


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By urgency; what only follows from something larger last; else as the monitor has them."""
    return sorted(findings, key=lambda f: (_URGENCY[f.level], f.covered))


def _show(findings: Sequence[Finding]) -> None:
    if not findings:
        say("nothing is wrong")
    for number, finding in enumerate(findings, 1):
        since = f" (for {spell(time.time() - finding.since / 1000)})" if finding.since else ""
        again = "; well again, and over when that lasts" if finding.settling else ""
        say(f"{number}. {finding.level.upper()}: {finding.detail}{since}{again}")
        say(f"   → {finding.todo}")
