"""When a job of which nothing is heard any more is given up, and what people are told then. Pure.

The nodes that hold its images may be gone for good, take no tasks, or have lost what they had to say; its
queue may have been wiped. Nobody can tell from here, so silence counts: without an end to it whoever waits
would wait for ever. Called by job_store.py, which notes when to look, and job_watch.py, which looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from query_service.job_documents import FINAL, summary

PREPARING_MS = 900_000  # whoever takes an order queues all of it within seconds, or does not live to


@dataclass(frozen=True)
class Silence:
    """`longest_ms`: how long nothing may be heard of a job that has not ended."""

    longest_ms: int

    def ends_at(self, heard_at: int, *, ready: bool) -> int:
        """When a job is given up of which nothing was heard since (all in Unix milliseconds)."""
        return heard_at + (self.longest_ms if ready else min(self.longest_ms, PREPARING_MS))

    def ends_of(self, document: Mapping[str, Any]) -> int | None:
        """The same for a job as it is noted; None for one that has ended by itself."""
        if "given_up" not in document and summary(document).state in FINAL:
            return None
        heard_at = max([document["created_at"], *(entry["at"] for entry in _tasks(document))])
        return self.ends_at(heard_at, ready=bool(document.get("ready")))

    def why(self, document: Mapping[str, Any]) -> str:
        """The reason, and what to do."""
        if not document.get("ready"):
            return "Whoever took this order ended before all of it was queued; order it again."
        found, hours = summary(document), self.longest_ms / 3_600_000
        left = document["total"] - found.ended
        return (
            f"Nothing was heard of {left} of {document['total']} tasks for {hours:.3g} h: no node that holds "
            "the images took them, or none could say what came of them. Order it again when they are back."
        )


def _tasks(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(document.get("tasks", {}).values())
