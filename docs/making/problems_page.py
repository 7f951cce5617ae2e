"""docs/reference/problems.md: every problem type that a client may meet, from the error classes."""

from __future__ import annotations

from atoll import errors
from atoll.errors import AtollError
from making.markdown import about, code, page, table
from query_service.openapi_api import OPERATIONS
from query_service.openapi_document import problems_of
from query_service.openapi_node import NODE_OPERATIONS
from query_service.openapi_problems import schema_of

Problem = type[AtollError]
_COMMON = {"type", "title", "status", "detail"}
_QUERY: frozenset[Problem] = frozenset(each for operation in OPERATIONS for each in problems_of(operation))
_NODE: frozenset[Problem] = frozenset(
    each for operation in NODE_OPERATIONS for each in problems_of(operation)
)
_INTRO = """\
What is refused, or fails, is answered with a problem document ([RFC
9457](https://www.rfc-editor.org/rfc/rfc9457)), `application/problem+json`: [how it
looks](../api.md#errors). `type` is what programs go by: `urn:atoll:problem:` and the name here.
`detail` says what to do. Facts are further members; others than these may be there.

*Again*: sending the same request again may help, and does no harm; after `retry_after`, where that is
said. The client raises a class for each, such as `atoll.errors.TooLarge`.

*From*: query services (Q), nodes (N). Without a letter it stands in outcomes only: of the files of a
form, of the tasks of a [job](../jobs.md)."""


def problems_page() -> str:
    """The page."""
    parts = ["# Problems", _INTRO]
    for status, found in sorted(by_status().items()):
        rows = [_row(problem) for problem in found]
        parts += [f"## {status}", table(["name", "means", "facts", "again", "from"], rows)]
    return page(*parts)


def by_status() -> dict[int, list[Problem]]:
    """All that clients may meet: the tree of atoll/errors.py, and what operations name beside it."""
    tree = {each for each in _with_leaves(AtollError) if each.__module__ == errors.__name__}
    found: dict[int, list[Problem]] = {}
    for problem in sorted(tree | _QUERY | _NODE, key=lambda each: each.slug):
        found.setdefault(problem.status, []).append(problem)
    return found


def _row(problem: Problem) -> tuple[str, ...]:
    says = f"{problem.title}. {_own_words(problem)}".strip()
    facts = ", ".join(code(name) for name in schema_of(problem)["properties"] if name not in _COMMON)
    whose = ", ".join(letter for letter, answers in (("Q", _QUERY), ("N", _NODE)) if problem in answers)
    return code(problem.slug), says, facts, "yes" if problem.retry_safe else "", whose


def _own_words(problem: Problem) -> str:
    """What its docstring adds for who meets it: the first paragraph, if it has one of its own."""
    return about(problem).partition("\n\n")[0]


def _with_leaves(cls: Problem) -> set[Problem]:
    return {cls}.union(*(_with_leaves(each) for each in cls.__subclasses__()))
