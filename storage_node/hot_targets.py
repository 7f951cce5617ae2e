"""Which URLs mean which derivative in memory, and how each is answered. Used by the hot path.

A URL of a derivative takes work before it means anything: grammar, names, a signature, the client's headers.
What came of that is remembered here under the raw request target – query and signature included, so that who
has another signature is checked again – for as long as it holds. A URL that leaves something open has one
answer for each of the few `Hints` that clients' headers become (negotiation.py).

Bounded by bytes; the oldest leave first. Nothing here outlives the RAM cache's entry that it points to.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from aiohttp import web

from atoll.transformation.negotiation import AcceptMemo, Hints, hints_of
from storage_node.derivative_request import joined
from storage_node.ram_cache import Entry

_OVERHEAD = 700  # bytes of an answer beside its texts: objects, dict slots
_NO_HINTS = Hints()


class HotAnswer:
    """A 200 that is ready. `until` is monotonic seconds: then the request is looked at anew."""

    __slots__ = ("entry", "head", "until")

    def __init__(self, entry: Entry, head: bytes, until: float) -> None:
        self.entry, self.head, self.until = entry, head, until


class _Target:
    __slots__ = ("answers", "questions")

    def __init__(self, questions: frozenset[str]) -> None:
        self.questions = questions
        self.answers: dict[Hints, HotAnswer] = {}


class HotTargets:
    """`budget` is bytes (0: nothing is remembered); `accepts` as the delivery itself reads Accept."""

    def __init__(self, budget: int, accepts: AcceptMemo, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget, self._accepts, self._clock = budget, accepts, clock
        self._targets: OrderedDict[str, _Target] = OrderedDict()
        self._of_entry: dict[Entry, set[tuple[str, Hints]]] = {}
        self.used_bytes = 0
        self.clears = 0

    def __len__(self) -> int:
        return len(self._targets)

    def find(self, request: web.Request) -> HotAnswer | None:
        """The answer to this request, if it is remembered and holds still."""
        target = self._targets.get(request.raw_path)
        if target is None:
            return None
        hints = _NO_HINTS
        if target.questions:
            hints = hints_of(target.questions, partial(joined, request), self._accepts)
        answer = target.answers.get(hints)
        return answer if answer is not None and self._clock() < answer.until else None

    def remember(
        self,
        raw: str,
        questions: frozenset[str],
        hints: Hints,
        entry: Entry,
        head: bytes,
        seconds: float,
        seen_clears: int,
    ) -> None:
        """`raw` means `entry` for the next `seconds`, to clients whose headers become `hints`.

        Unless something was cleared since `seen_clears`, when the request was let in: a picture may take
        seconds to make, and its bucket may have another policy by then.
        """
        cost = _cost(raw, head)
        if cost > self._budget or seen_clears != self.clears:
            return
        self._forget(raw, hints)
        while self.used_bytes + cost > self._budget:
            self._drop(next(iter(self._targets)))
        if (target := self._targets.get(raw)) is not None and target.questions != questions:
            self._drop(raw)
            target = None
        target = target or self._targets.setdefault(raw, _Target(questions))
        target.answers[hints] = HotAnswer(entry, head, self._clock() + seconds)
        self._of_entry.setdefault(entry, set()).add((raw, hints))
        self.used_bytes += cost

    def clear(self) -> None:
        """Forget all, and what is being answered now: what may be asked, or what it means, has changed."""
        self.clears += 1
        self._targets.clear()
        self._of_entry.clear()
        self.used_bytes = 0

    def entry_left(self, entry: Entry) -> None:
        """An entry left the RAM cache."""
        for raw, hints in tuple(self._of_entry.get(entry, ())):
            self._forget(raw, hints)

    def _drop(self, raw: str) -> None:
        target = self._targets.get(raw)
        for hints in tuple(target.answers) if target else ():
            self._forget(raw, hints)

    def _forget(self, raw: str, hints: Hints) -> None:
        target = self._targets.get(raw)
        answer = target.answers.pop(hints, None) if target else None
        if target is None or answer is None:
            return
        self.used_bytes -= _cost(raw, answer.head)
        if not target.answers:
            del self._targets[raw]
        meanings = self._of_entry[answer.entry]
        meanings.discard((raw, hints))
        if not meanings:
            del self._of_entry[answer.entry]


def _cost(raw: str, head: bytes) -> int:
    return len(raw) + len(head) + _OVERHEAD
