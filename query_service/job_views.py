"""A job's document as people see it, and whether a key may see it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from atoll.api_keys import ApiKey
from atoll.jobs import JobFacts, JobFile
from atoll.node_api import rfc3339
from query_service.job_documents import Summary, facts_of, summary
from query_service.job_wire import JobFileView, JobProgress, JobView

UrlOf = Callable[[JobFile], str]


def in_reach(key: ApiKey | None, facts: JobFacts) -> bool:
    """Whether a limited key may see and cancel a job: its own, or one about names it reaches (None: all)."""
    return key is None or facts.by == key.id or key.reaches(facts.bucket, facts.prefix)


def view_of(document: Mapping[str, Any], url_of: UrlOf) -> JobView | None:
    """The job as shown; None while too little of it is known."""
    facts = facts_of(document)
    return None if facts is None else _view(facts, summary(document), url_of)


def _view(facts: JobFacts, found: Summary, url_of: UrlOf) -> JobView:
    return JobView(
        id=facts.id,
        kind=facts.kind,
        bucket=facts.bucket,
        prefix=facts.prefix,
        state=found.state,
        created_at=rfc3339(facts.created_at),
        finished_at=None if found.finished_at is None else rfc3339(found.finished_at),
        by=facts.by,
        progress=JobProgress(facts.items, found.done, found.failed, facts.tasks, found.ended),
        errors=found.errors,
        files=tuple(_file(file, url_of) for file in found.files),
        assets=found.assets,
    )


def _file(file: JobFile, url_of: UrlOf) -> JobFileView:
    return JobFileView(
        file.name, url_of(file), file.bytes, file.sha256, file.files, file.node, rfc3339(file.expires_at)
    )
