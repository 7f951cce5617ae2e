"""Wire types in words: what each field of a struct is, from what checks it on the way in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import NODEFAULT, Struct, inspect

from atoll import model
from making.markdown import about, code, table

# What has a pattern has a name; the table of words shows both.
WORDS = ("Identifier", "Label", "BucketName", "Sha256", "ThumbHash", "BlurHash", "PlainColor")
_BY_PATTERN = {inspect.type_info(getattr(model, word)).pattern: word for word in WORDS}  # type: ignore[attr-defined]  # all are texts
_MILLISECONDS = inspect.type_info(model.Milliseconds)


def shape(cls: type[Struct], without: type[Struct] | None = None) -> Iterator[str]:
    """Heading, sentence and table of a struct; `without` the fields of its base."""
    passed_over = set(without.__struct_fields__) if without else set()
    rows = [_row(field) for field in _fields(cls) if field.name not in passed_over]
    yield f"### `{cls.__name__.lstrip('_')}`"
    yield about(cls)
    yield table(["field", "is", "unless said"], rows)


def words() -> Iterator[tuple[str, str]]:
    """Each word, and the pattern that a value must fit."""
    return ((code(word), code(pattern.removesuffix("(?!\\n)"))) for pattern, word in _BY_PATTERN.items())


def parts_of(classes: Iterable[type[Struct]]) -> list[type[Struct]]:
    """The structs that these have in their fields, at any depth, in the order of the alphabet."""
    found: set[type[Struct]] = set()
    for cls in classes:
        for field in _fields(cls):
            found |= set(_structs(field.type))
    return sorted(found - set(classes), key=lambda cls: cls.__name__)


def _fields(cls: type[Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _structs(kind: inspect.Type) -> Iterator[type[Struct]]:
    if isinstance(kind, inspect.StructType):
        yield kind.cls
        for field in kind.fields:
            yield from _structs(field.type)
    for inner in _inside(kind):
        yield from _structs(inner)


def _inside(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(kind, inspect.UnionType):
        return kind.types
    return (kind.item_type,) if isinstance(kind, inspect.VarTupleType) else ()


def _row(field: inspect.Field) -> tuple[str, str, str]:
    default: Any = field.default
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    shown = "" if default in (NODEFAULT, "", (), None) else code(str(default))
    return code(field.encode_name), _is(field.type), "**needed**" if field.required else shown


def _is(kind: inspect.Type) -> str:
    """A type in words."""
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_is(each) for each in kind.types)
    if isinstance(kind, inspect.VarTupleType):
        return f"list of {_is(kind.item_type)}{_bound(kind.max_length, 'of them')}"
    if isinstance(kind, inspect.DictType):
        return f"{_is(kind.value_type)} by {_is(kind.key_type)}{_bound(kind.max_length, 'of them')}"
    if isinstance(kind, inspect.StructType):
        return code(kind.cls.__name__)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(code(str(value)) for value in kind.values)
    return _plain(kind)


def _plain(kind: inspect.Type) -> str:
    if kind == _MILLISECONDS:
        return "milliseconds"
    if isinstance(kind, inspect.StrType):
        known = _BY_PATTERN.get(kind.pattern or "")
        return code(known) if known else f"text{_bound(kind.max_length, 'characters')}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return f"number{_range(kind)}"
    return {"NoneType": "null", "BoolType": "true or false", "UnsetType": "nothing"}[type(kind).__name__]


def _bound(most: int | None, what: str) -> str:
    return f" (at most {most:,} {what})" if most else ""


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is None:
        return ""
    return f" from {kind.ge:g}" if kind.le is None else f", {kind.ge:g} to {kind.le:g}"
