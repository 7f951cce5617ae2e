"""What a kind of work is to the processor: a class with `run`, and what it may say while it runs."""

from __future__ import annotations

from typing import Protocol

from atoll.errors import AtollError
from atoll.jobs import MAX_DETAIL_CHARS, MAX_ERRORS, ItemError, JobFile, Task, TaskOutcome, TaskState


class Progress:
    """How far one attempt of a task is. Handlers write it, the processor reports it now and then."""

    def __init__(self, task: Task, tries: int) -> None:
        self.task, self.tries = task, tries
        self.done = self.failed = 0
        self._errors: list[ItemError] = []
        self._files: list[JobFile] = []
        self._assets: list[str] = []

    def did(self, items: int = 1) -> None:
        """So many more items are done."""
        self.done += items

    def refused(self, item: str, error: AtollError) -> None:
        """One item cannot be done, now or ever; the others go on."""
        self.failed += 1
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(ItemError(item, error.slug, error.detail[:MAX_DETAIL_CHARS]))

    def made_file(self, file: JobFile) -> None:
        """A file for people to download."""
        self._files.append(file)

    def made_asset(self, asset_id: str) -> None:
        """An asset that this work stored."""
        self._assets.append(asset_id)

    def outcome(self, state: TaskState) -> TaskOutcome:
        """All of it, for the report."""
        return TaskOutcome(
            self.task.job,
            self.task.number,
            state,
            self.tries,
            self.done,
            self.failed,
            tuple(self._errors),
            tuple(self._files),
            tuple(self._assets),
        )


class Handler(Protocol):
    """One kind of work. Repeating `run` after a crash at any point does no harm.

    Items that cannot be done are told to `progress`. What is raised concerns the whole task: a `Rejected`
    ends it (it would fail again), all else is tried again later, up to the processor's number of tries.
    """

    async def run(self, task: Task, progress: Progress) -> None: ...
