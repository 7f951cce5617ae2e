"""The tables of docs/transformations.md, from the same tables that the parser reads. Pure.

`python -m atoll.transformation docs/transformations.md` puts them in; a test says when that was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from atoll.transformation.effects import ALIASES, EFFECTS, FILTERS, EffectRule
from atoll.transformation.limits import DEFAULTS
from atoll.transformation.parameters import FLAGS, PARAMETERS
from atoll.transformation.thumbnail_style import FITS


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def parameters() -> str:
    """Every parameter."""
    rows = (
        (f"`{key}_`", each.word.replace("_", " "), each.values, each.meaning, f"`{each.example}`")
        for key, each in sorted(PARAMETERS.items())
    )
    return _table(("", "long name", "values", "what it does", "for example"), rows)


def flags() -> str:
    """Every flag."""
    rows = ((f"`fl_{name}`", f"{flag.meaning}.") for name, flag in sorted(FLAGS.items()))
    return _table(("flag", "what it does"), rows)


def effects() -> str:
    """Every effect with its levels, then the names of the filters."""
    rows = (
        (f"`e_{name}`", *_levels(rule), f"{rule.meaning[0].upper()}{rule.meaning[1:]}.")
        for name, rule in sorted(EFFECTS.items())
    )
    names = ", ".join(f"`e_art:{name}`" for name in FILTERS)
    aliases = ", ".join(f"`e_{name}` is `e_{meant}`" for name, meant in ALIASES.items())
    table = _table(("effect", "levels", "without one", "what it does"), rows)
    return f"{table}\n\nAlso written: {aliases}. Filters: {names}."


def _levels(rule: EffectRule) -> tuple[str, str]:
    levels = rule.levels
    if levels is None:
        return "", ""
    without = (
        str(levels.default) if levels.default is not None else "by size" if levels.optional else "refused"
    )
    return f"{levels.low} to {levels.high}", without


def limits() -> str:
    """How much one transformation may ask for, unless the settings say otherwise."""
    rows = (
        ("components between slashes", DEFAULTS.components),
        ("layers", DEFAULTS.layers),
        ("pixels of a width or height", DEFAULTS.side),
        ("characters of a text", DEFAULTS.text),
        ("pixels of a text's size", DEFAULTS.font),
        ("characters of the canonical form", DEFAULTS.characters),
    )
    return _table(("at most", ""), ((f"{number:,}", what) for what, number in rows))


def thumbnails() -> str:
    """What `fit=` means."""
    modes = dict.fromkeys(FITS.values())
    rows = ((f"`c_{mode}`", ", ".join(f"`{f}`" for f, m in FITS.items() if m == mode)) for mode in modes)
    return _table(("mode", "`fit=`"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "parameters": parameters,
    "flags": flags,
    "effects": effects,
    "limits": limits,
    "thumbnails": thumbnails,
}


def updated(page: str) -> str:
    """`page` with every table between its two markers made anew. ValueError when a marker is missing."""
    for name, table in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", f"\n<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"the markers of the table {name} are missing")
        page = f"{before}{begin}{table()}{end}{after}"
    return page
