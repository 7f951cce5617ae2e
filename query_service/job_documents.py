"""The shape of a job's document, and the updates that bring it forward. Pure.

One document per job in `jobs` (_id = job id). It is made by whoever hears of the job first: the API that
takes the order, the event that an upload has begun one, or – streams know no order among regions – the first
outcome of a task. Every update is a pipeline on one document found by `_id` alone, so that applied in any
order, any number of times, the result is the same: a task keeps its latest word, and a final one for ever.

What the whole amounts to is counted when the document is read (`summary`). One that is cancelled, or was
given up (job_silence.py), stays so, whatever is heard later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

import msgspec
from msgspec import Struct

from atoll.errors import Unavailable
from atoll.events import JobMade, JobTask
from atoll.jobs import ItemError, JobFacts, JobFile, TaskOutcome
from query_service.catalog_documents import Document

JobState = Literal["preparing", "queued", "running", "done", "failed", "cancelled"]
MAX_SHOWN_ERRORS = 100
FINAL: frozenset[str] = frozenset({"done", "failed", "cancelled"})
_FINAL_RANK = 2**52  # above any time in milliseconds


class Summary(Struct, frozen=True):
    """What a job has come to. `ended` counts tasks, the others items."""

    state: JobState
    ended: int
    done: int
    failed: int
    errors: tuple[ItemError, ...]
    files: tuple[JobFile, ...]
    assets: tuple[str, ...]
    finished_at: int | None


def take_facts(facts: JobFacts, expires_at: datetime, watch_at: int, *, ready: bool = True) -> list[Document]:
    """What is known of a job from its beginning. Not `ready`: not all its tasks are in the queue yet.

    `watch_at`: when to look whether anything is still heard of it (Unix milliseconds).
    """
    fields = msgspec.to_builtins(facts)
    del fields["id"]
    taken: Document = {name: {"$literal": value} for name, value in fields.items()}
    # named apart from `tasks`, which are their outcomes
    taken["total"] = taken.pop("tasks")
    taken["ready"] = {"$literal": True} if ready else {"$ifNull": ["$ready", False]}
    taken["expires_at"] = {"$literal": expires_at}
    taken["watch_at"] = {"$literal": watch_at}
    return [{"$set": taken}]


def take_outcome(event: JobTask, expires_at: datetime) -> list[Document]:
    """What came of a task, unless a later word is there, or a final one."""
    outcome = event.outcome
    if outcome.removed:  # which files: those of words before it, whatever comes first
        path = f"removed.t{outcome.number}"
        return [{"$set": {path: {"$max": [f"${path}", event.at]}, **_kept(expires_at)}}]
    rank = event.at + (_FINAL_RANK if outcome.final else 0)
    entry = {**msgspec.to_builtins(outcome), "at": event.at, "node": event.node, "rank": rank}
    del entry["job"]
    path = f"tasks.t{outcome.number}"
    newer = {"$lt": [{"$ifNull": [f"${path}.rank", -1]}, rank]}
    if outcome.final:  # the first final word stays: a task that was done twice was done once
        newer = {"$lt": [{"$ifNull": [f"${path}.rank", -1]}, _FINAL_RANK]}
    return [
        {
            "$set": {
                path: {"$cond": [newer, {"$literal": entry}, f"${path}"]},
                **_kept(expires_at),
            }
        }
    ]


def _kept(expires_at: datetime) -> Document:
    return {"expires_at": {"$ifNull": ["$expires_at", expires_at]}}


def take_end(at: int, why: str) -> list[Document]:
    """That nobody waits for it any more; the first time counts."""
    given_up = {"$literal": {"at": at, "why": why}}
    return [{"$set": {"given_up": {"$ifNull": ["$given_up", given_up]}}}]


def expiry(now_ms: int, keep_ms: int) -> datetime:
    """When MongoDB may sweep a document."""
    return datetime.fromtimestamp((now_ms + keep_ms) / 1000, UTC)


def facts_of(document: Mapping[str, Any]) -> JobFacts | None:
    """What is known of the job; None while only outcomes of its tasks have come."""
    if "kind" not in document:
        return None
    return msgspec.convert({**document, "id": document["_id"], "tasks": document["total"]}, JobFacts)


def summary(document: Mapping[str, Any]) -> Summary:
    """What the tasks come to so far."""
    entries = [entry for _, entry in sorted(document.get("tasks", {}).items())]
    outcomes = [msgspec.convert({**entry, "job": document["_id"]}, TaskOutcome) for entry in entries]
    ended = sum(outcome.final for outcome in outcomes)
    total = document.get("total", -1)
    state = _state(document, outcomes, whole=ended >= total >= 0)
    return Summary(
        state,
        ended,
        sum(outcome.done for outcome in outcomes),
        sum(outcome.failed for outcome in outcomes),
        tuple(_first(chain(_given_up(document), *(outcome.errors for outcome in outcomes)))),
        tuple(
            file
            for entry, outcome in zip(entries, outcomes, strict=True)
            if _has_files(document, entry)
            for file in outcome.files
        ),
        tuple(asset for outcome in outcomes for asset in outcome.assets),
        _finished_at(document, entries) if state in FINAL else None,
    )


def _has_files(document: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether what the task made is there still: it was not removed since it said so."""
    removed = document.get("removed", {}).get(f"t{entry['number']}", -1)
    return int(removed) < int(entry["at"])


def _finished_at(document: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> int | None:
    if cancelled_at := document.get("cancelled_at"):
        return int(cancelled_at)
    if given_up := document.get("given_up"):
        return int(given_up["at"])
    return max((entry["at"] for entry in entries), default=document.get("created_at"))


def _given_up(document: Mapping[str, Any]) -> list[ItemError]:
    given_up = document.get("given_up")
    return [ItemError("job", Unavailable.slug, given_up["why"])] if given_up else []


def _first(errors: Iterable[ItemError]) -> list[ItemError]:
    return [error for _, error in zip(range(MAX_SHOWN_ERRORS), errors, strict=False)]


def _state(document: Mapping[str, Any], outcomes: list[TaskOutcome], *, whole: bool) -> JobState:
    if document.get("cancelled_at"):
        return "cancelled"
    if document.get("given_up"):
        return "failed"
    if whole:
        return "failed" if any(o.state in {"failed", "parked"} for o in outcomes) else "done"
    if outcomes:
        return "running"
    return "queued" if document.get("ready") else "preparing"


def job_of(event: JobMade | JobTask) -> str:
    """The job an event is about."""
    return event.job.id if isinstance(event, JobMade) else event.outcome.job
