"""One component of a transformation as its words: `key_value`, comma-separated. Pure.

Knows which keys exist, that each is said once, and who has used which, so that a word nobody wanted is a
refusal with the reason from the parameter table. Values are read by the modules of their steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from atoll.errors import BadTransformation
from atoll.transformation.parameters import FLAGS, PARAMETERS, nearest_parameter
from atoll.transformation.refusals import closest, refused

T = TypeVar("T")


class Component:
    """The words of one component that are not used yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[str, str] = {}
        self._flags: dict[str, str] = {}
        for word in text.split(","):
            self._add(word)

    def _add(self, word: str) -> None:
        key, underscore, value = word.partition("_")
        if key not in PARAMETERS or not underscore:
            raise self._unknown(key, word)
        if key == "fl":
            self._add_flags(value)
        elif key in self._values:
            raise refused(key, word, f"{key}_ is said twice in one component", f"{key}_{self._values[key]}")
        else:
            self._values[key] = value

    def _unknown(self, key: str, word: str) -> BadTransformation:
        if self._values.get("l", "").startswith("text:"):
            why = "a comma in a text is written %252C in a URL"
            return refused("l", word, why, "l_text:sans_40:one%2C two")
        return refused(key, word, "there is no such parameter", nearest_parameter(word))

    def _add_flags(self, value: str) -> None:
        for flag in value.split("."):
            name, _, argument = flag.partition(":")
            if name not in FLAGS or (argument and name != "attachment"):
                raise refused("fl", f"fl_{flag}", "there is no such flag", f"fl_{closest(name, FLAGS)}")
            self._flags[name] = argument

    def has(self, key: str) -> bool:
        """Whether this parameter is said and not used yet."""
        return key in self._values

    def has_flag(self, name: str) -> bool:
        """Whether this flag is said and not used yet."""
        return name in self._flags

    def take(self, key: str, read: Callable[[str, str], T]) -> T | None:
        """The value of `key` as `read(key, value)` understands it, used up; None when it is not said."""
        value = self._values.pop(key, None)
        return None if value is None else read(key, value)

    def take_flag(self, name: str) -> str | None:
        """The flag's argument (mostly empty), used up; None when it is not said."""
        return self._flags.pop(name, None)

    def check_used_up(self) -> None:
        """Refuses words that mean nothing in this component."""
        for key, value in sorted(self._values.items()):
            parameter = PARAMETERS[key]
            raise refused(key, f"{key}_{value}", f"it {parameter.place}", parameter.nearest)
        for name in sorted(self._flags):
            raise refused("fl", f"fl_{name}", f"it {FLAGS[name].place}", FLAGS[name].nearest)

    def contradiction(self, parameter: str, why: str, nearest: str) -> BadTransformation:
        """A refusal of what this component says as a whole."""
        return refused(parameter, self.text, why, nearest)
