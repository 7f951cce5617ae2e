"""The lines of a listing as entries: S3 Inventory CSV, a plain list of keys, the manifest of an export. Pure.

Everything in a listing is foreign text: lines are bounded, numbers checked, and what cannot be understood is
said with its line number.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import unquote, unquote_plus

import msgspec
from msgspec import Meta, Struct

from atoll.client.folder_files import Expected
from atoll.errors import BadRequest

Form = Literal["csv", "keys", "manifest"]
COLUMNS = ("bucket", "key", "size", "etag")
MAX_LINE_CHARACTERS = 100_000
_PLAIN_MD5 = re.compile(r'"?([0-9a-fA-F]{32})"?', re.ASCII)
_TRUE = frozenset({"true", "1", "yes"})


class Entry(Struct, frozen=True):
    """One listed object: where its file may lie below the root, in the order to try, and what is said of it.

    `name` is its public_id below the prefix, where the listing knows it.
    """

    paths: tuple[str, ...]
    expected: Expected
    name: str | None = None
    problem: str | None = None


class _Line(Struct):
    """What matters of a line of manifest.jsonl."""

    path: str
    public_id: str
    sha256: str
    bytes: Annotated[int, Meta(ge=0)]
    prefix: str = ""
    tags: tuple[str, ...] = ()
    context: dict[str, str] = {}
    title: str = ""
    alt: str = ""


def guess_form(name: str, first_line: str) -> Form:
    """What a listing is, by its file's name, then by its first line."""
    name = name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")) or first_line.startswith("{"):
        return "manifest"
    if name.endswith(".csv") or re.match(r'"[^"]*","', first_line):
        return "csv"
    return "keys"


def entries(form: Form, lines: Iterable[str], columns: Sequence[str] | None, *, md5: bool) -> Iterator[Entry]:
    """All entries of a listing; `BadRequest` where it cannot be one."""
    if form == "manifest":
        return _of_manifest(lines)
    return _of_csv(lines, columns, md5=md5) if form == "csv" else _of_keys(lines)


def _of_keys(lines: Iterable[str]) -> Iterator[Entry]:
    for line in lines:
        if key := line.rstrip("\r\n"):
            yield Entry((key,), Expected())


def _of_manifest(lines: Iterable[str]) -> Iterator[Entry]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text, type=_Line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise BadRequest(
                f"Line {number} is not one of an export's manifest: {error}", line=number
            ) from error
        expected = Expected(line.bytes, None, line.sha256, line.tags, line.context, line.title, line.alt)
        yield Entry((line.path,), expected, line.public_id.removeprefix(line.prefix))


def _of_csv(lines: Iterable[str], columns: Sequence[str] | None, *, md5: bool) -> Iterator[Entry]:
    reader = csv.reader(lines, strict=True)
    named = _normal(columns) if columns is not None else None
    try:
        for row in reader:
            if not row:
                continue
            if named is None:
                named = _normal(COLUMNS)
                if "key" in (heading := _normal(row)):
                    named = heading
                    continue
            yield _entry(dict(zip(named, row, strict=False)), reader.line_num, md5=md5)
    except csv.Error as error:
        raise BadRequest(f"Line {reader.line_num} is no CSV: {error}", line=reader.line_num) from error


def _normal(columns: Iterable[str]) -> list[str]:
    """`IsLatest`, `is_latest` and ` Is Latest` alike."""
    return [re.sub(r"[^a-z0-9]", "", column.lower()) for column in columns]


def _entry(row: Mapping[str, str], number: int, *, md5: bool) -> Entry:
    if "key" not in row:
        raise BadRequest(f"Line {number} has no key.", line=number)
    if row.get("isdeletemarker", "").lower() in _TRUE or row.get("islatest", "true").lower() not in _TRUE:
        return Entry((), Expected(), problem="old version")
    key, size = row["key"], row.get("size", "").strip()
    if size and not (size.isascii() and size.isdigit() and len(size) < 20):
        raise BadRequest(f"Line {number}: the size is no number.", line=number, got=size[:40])
    found = _PLAIN_MD5.fullmatch(row.get("etag", "").strip()) if md5 else None
    # Inventories write keys as in URLs; some tools write spaces as `+`, some write keys as they are.
    escaped = (read(key, errors="surrogateescape") for read in (unquote, unquote_plus))
    paths = tuple(dict.fromkeys((*escaped, key)))
    return Entry(paths, Expected(int(size) if size else None, found[1].lower() if found else None))
