"""Who imports whom, read from the source with `ast`; nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
DAEMONS = ("storage_node", "replicator", "query_service", "monitor")
PACKAGES = ("atoll", *DAEMONS)


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name and what it says."""

    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The daemon, or `atoll`."""
        return self.name.partition(".")[0]


def module_of(name: str, source: str) -> Module:
    """A module from its text."""
    return Module(name, ast.parse(source))


@cache
def read_modules() -> Mapping[str, Module]:
    """Every module of the product, by dotted name; a package goes by the name of its folder. Read once."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    plain = {name.removesuffix(".__init__"): file for name, file in names.items()}
    return {name: module_of(name, file.read_text(encoding="utf-8")) for name, file in plain.items()}


def imports(module: Module, known: Iterable[str]) -> Iterator[str]:
    """The names a module imports, wherever in the file; `from a import b` is a.b if that is a module."""
    modules = set(known)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}: relative imports hide which floor they reach"
            origin = node.module or ""
            for alias in node.names:
                yield full if (full := f"{origin}.{alias.name}") in modules else origin


def graph(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """For each module the other modules of ours that it imports."""
    return {name: {i for i in imports(m, modules) if i in modules} - {name} for name, m in modules.items()}


def foreign(module: Module) -> set[str]:
    """The modules it imports that are not ours."""
    return {i for i in imports(module, ()) if i.partition(".")[0] not in PACKAGES}


def cycles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Each cycle found, as the way round it."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for other in sorted(edges[name]):
                walk(other, [*way, name])
            done.add(name)

    for name in sorted(edges):
        walk(name, [])
    return found


def calls(module: Module) -> set[str]:
    """The plain names that a module calls, such as `Bus` in `Bus(settings)`."""
    return {
        node.func.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def reads_environment(module: Module) -> bool:
    """Whether it names os.environ, os.getenv or their like."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and _is_os(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {a.name for a in node.names})
        for node in ast.walk(module.tree)
    )


def _is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"os", "posix"}
