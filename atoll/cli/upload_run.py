"""The uploads themselves: notes what happens in the journal, shows it, waits for regions if asked to. I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from atoll.cli.journal import Journal
from atoll.cli.upload_plan import Plan
from atoll.cli.upload_report import Outcome, Report
from atoll.cli.upload_screen import Screen, Tally
from atoll.client.async_client import AsyncClient
from atoll.client.tree import FoundFile
from atoll.client.upload_many import UploadResult
from atoll.client.views import TicketView
from atoll.errors import AtollError
from atoll.node_api import AssetView

WAITS_AT_ONCE = 32


class UploadRun:
    """One run; is the observer of its own uploads. `wait`: None for not, 0 for all regions, else how many."""

    def __init__(
        self,
        client: AsyncClient,
        journal: Journal,
        report: Report,
        screen: Screen,
        *,
        wait: int | None,
        wait_seconds: float,
    ) -> None:
        self._client, self._journal, self._report = client, journal, report
        self._tally = Tally(screen)
        self._wait, self._wait_seconds = wait, wait_seconds
        self._regions: dict[Path, str] = {}
        self._room = asyncio.Semaphore(WAITS_AT_ONCE)
        self._waits: set[asyncio.Task[None]] = set()

    async def run(
        self,
        plan: Plan,
        bucket: str,
        parallel: int,
        tags: Iterable[str],
        *,
        use_tickets: bool,
        durability: str | None = None,
        eager: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        title: str = "",
        alt: str = "",
    ) -> None:
        """Do what the plan says; each outcome is in the report when this returns."""
        try:
            for file, done in plan.skipped:
                await self._over(Outcome.skipped(file, done))
            await self._client.upload_files(
                plan.todo,
                bucket=bucket,
                observer=self,
                tickets=self._journal.ticket if use_tickets else lambda _: None,
                parallel=parallel,
                tags=tags,
                durability=durability,
                eager=eager,
                context=context,
                title=title,
                alt=alt,
            )
            await asyncio.gather(*self._waits)
        finally:
            for task in self._waits:
                task.cancel()
            await asyncio.gather(*self._waits, return_exceptions=True)

    def sent(self, file: FoundFile, sent: int, total: int) -> None:
        """Bytes have gone out."""
        self._tally.sent(file.path, sent)

    async def ticketed(self, file: FoundFile, ticket: TicketView) -> None:
        """Noted first: if we are killed after the bytes, the next run asks with the same ticket."""
        self._regions[file.path] = ticket.region
        await asyncio.to_thread(self._journal.note_ticket, file, ticket)

    async def finished(self, file: FoundFile, result: UploadResult) -> None:
        """Note it and report it, or wait for its regions first without holding up the next upload."""
        self._tally.finished(file.path)
        if result.asset is None:
            self._report.add(Outcome(file.path, "failed", error=result.error))
            return
        regions = self._known_regions(file.path, result.asset)
        await asyncio.to_thread(self._journal.note_done, file, result.asset, regions)
        await self._over(Outcome.uploaded(file, result.asset, regions))

    async def _over(self, outcome: Outcome) -> None:
        """Report it now, or once its regions have it; a bounded number wait at a time."""
        if self._wait is None:
            self._report.add(outcome)
            return
        await self._room.acquire()
        task = asyncio.create_task(self._await_regions(outcome), name=f"regions of {outcome.path}")
        self._waits.add(task)

    def _known_regions(self, path: Path, asset: AssetView) -> tuple[str, ...]:
        here = self._regions.pop(path, None)
        return tuple(sorted({place.region for place in asset.locations} | ({here} if here else set())))

    async def _await_regions(self, outcome: Outcome) -> None:
        assert outcome.asset_id is not None
        version = outcome.asset.version if outcome.asset is not None else ""
        try:
            where = await self._client.wait_replicated(
                outcome.asset_id, self._wait or None, self._wait_seconds, version=version
            )
            outcome = replace(outcome, regions=tuple(sorted(where.regions)))
        except AtollError as late:
            confirmed = late.facts.get("confirmed")
            regions = tuple(confirmed) if isinstance(confirmed, list) else outcome.regions
            outcome = replace(outcome, regions=regions, error=late)
        finally:
            self._room.release()
        self._report.add(outcome)
