"""Every `Route(…)` in the source of the query service: what a test goes through so that none is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from import_graph import read_modules


class RouteFacts(NamedTuple):
    method: str
    path: str
    scope: str | None
    reach: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def routes() -> tuple[RouteFacts, ...]:
    """All of them; the source is searched once."""
    return tuple(_routes())


def _routes() -> Iterator[RouteFacts]:
    for name, module in read_modules().items():
        if not name.startswith("query_service."):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Route":
                method, path, scope = (_value(argument, module.tree) for argument in node.args[:3])
                said = {word.arg: word.value for word in node.keywords}
                yield RouteFacts(
                    method, path, scope, ast.literal_eval(said["reach"]) if "reach" in said else None
                )


def _value(argument: ast.expr, tree: ast.Module) -> Any:
    """A literal, or what is put together from literals that have a name in the module."""
    if isinstance(argument, ast.BinOp):
        return _value(argument.left, tree) + _value(argument.right, tree)
    if isinstance(argument, ast.Name):
        (meant,) = (
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == argument.id
        )
        return _value(meant, tree)
    return ast.literal_eval(argument)
