"""Plans and ends of work with whole folders, in words and as JSON.

In JSON each change is a line, and the last line a summary; what is the same on both sides is only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atoll.cli.exit_codes import code_of_many
from atoll.cli.output import emit_json, note, on_terminal, say, show_error, show_table, size
from atoll.client.folder_files import Change, FolderPlan, FolderProgress, FolderReport, Step
from atoll.errors import AtollError

TABLE_ROWS = 1000  # on a terminal; elsewhere all


class FolderPrinter:
    """Prints each change when it is over."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def planned(self, plan: FolderPlan) -> int:
        """All that a dry run has to say; the exit code."""
        if self._as_json:
            for change in plan.changes:
                emit_json(change.json())
        else:
            show_plan(plan.changes)
        self._errors(plan.skipped)
        self._summary(plan_counts(plan), dry_run=True)
        return _code(plan.skipped, plan.unchanged + len(plan.changes) - len(plan.skipped))

    def announced(self, changes: Sequence[Change]) -> None:
        """What is about to be deleted, before it is."""
        for change in changes:
            note(f"to be deleted: {change.public_id}")

    def skipped(self, plan: FolderPlan) -> None:
        """What cannot be done is told first."""
        for change in plan.skipped:
            self.over(change)

    def hearing(self, show: Callable[[FolderProgress], None]) -> Callable[[FolderProgress], None]:
        """`show`, and a line for each change that is over."""

        def hear(progress: FolderProgress) -> None:
            show(progress)
            if progress.change is not None:
                self.over(progress.change)

        return hear

    def over(self, change: Change) -> None:
        """One line, or its error."""
        self._errors([change])
        if self._as_json:
            emit_json(change.json())
        elif change.error is None:
            say(_PAST[change.step], change.public_id or "", change.path or "")

    def ended(self, report: FolderReport) -> int:
        """The summary; the exit code."""
        self._summary(report.counts, dry_run=False)
        failed = [change for change in report.changes if change.error is not None]
        return _code(failed, report.unchanged + len(report.changes) - len(failed))

    def _errors(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.error is not None:
                show_error(change.error, about=change.path or change.public_id)

    def _summary(self, counts: dict[str, int], *, dry_run: bool) -> None:
        if self._as_json:
            emit_json({"summary": counts | {"dry_run": dry_run}})
        words = [f"{count} {_WORDS[name][dry_run]}" for name, count in counts.items() if count]
        note(", ".join(words) or "nothing to do")


_PAST = {
    Step.UPLOAD: "uploaded",
    Step.REPLACE: "replaced",
    Step.DELETE: "deleted",
    Step.DOWNLOAD: "downloaded",
    Step.SKIP: "skipped",
}
_WORDS = {step.value: (past, f"to {step.value}") for step, past in _PAST.items()} | {
    "failed": ("failed", "cannot be done"),
    "unchanged": ("unchanged", "unchanged"),
    "ignored": ("ignored", "ignored"),
}


def plan_counts(plan: FolderPlan) -> dict[str, int]:
    """How many of each kind a plan has."""
    steps = [change.step.value for change in plan.changes]
    found = {step.value: steps.count(step.value) for step in Step if step is not Step.SKIP}
    return found | {"failed": len(plan.skipped), "unchanged": plan.unchanged, "ignored": plan.ignored}


def show_plan(changes: Sequence[Change]) -> None:
    """The table of a dry run."""
    shown = changes[:TABLE_ROWS] if on_terminal() else changes
    rows = [
        (change.step.value, change.public_id, change.path, size(change.size))
        for change in shown
        if change.step is not Step.SKIP
    ]
    show_table("What would be done", ("step", "public_id", "path", "size"), rows)
    if len(shown) < len(changes):
        note(f"… and {len(changes) - len(shown)} more (all with --json, or through a pipe)")


def _code(failed: Sequence[Change], good: int) -> int:
    errors: list[AtollError | None] = [change.error for change in failed]
    return code_of_many([*errors, *([None] if good or not failed else [])])
