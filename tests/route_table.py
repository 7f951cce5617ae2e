"""Every `Route(…)` in the source of the query service: what a test goes through so that none is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from import_graph import read_modules


class RouteFacts(NamedTuple):
    method: str
    path: str
    scope: str | None
    reach: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> Iterator[RouteFacts]:
    for name, module in read_modules().items():
        if not name.startswith("query_service."):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Route":
                method, path, scope = (ast.literal_eval(argument) for argument in node.args[:3])
                said = {word.arg: word.value for word in node.keywords}
                yield RouteFacts(
                    method, path, scope, ast.literal_eval(said["reach"]) if "reach" in said else None
                )
