"""An action as the matcher reads it: field values, folded and encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roguewatch.detect.action import Action
from roguewatch.detect.fields import FIELDS, Field, Value, Values, field
from roguewatch.detect.sigma.expression import KEYWORD, fold

_known: dict[str, Field] = dict(FIELDS)
_EVENT = -1
_DERIVED = {
    name: "strings" if name == "arguments" else name
    for name in ("arguments", "paths", "written", "urls", "content", "removed")
}
"""Fields that are texts of the action, and their attribute."""


def text_of(value: Value) -> str:
    """A value as the text that string tests see."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class FieldNames(NamedTuple):
    """Fields to search at once, by where their values are."""

    derived: tuple[str, ...]
    """Attributes of the action: tuples of texts."""
    single: tuple[str, ...]
    """Attributes of a command that are one text."""
    several: tuple[str, ...]
    """Attributes of a command that are tuples of texts."""
    others: tuple[str, ...]
    """Names of all other fields."""


def field_names(names: Iterable[str]) -> FieldNames:
    """The fields of these names, sorted by where their values are."""
    derived: dict[str, None] = {}
    single: dict[str, None] = {}
    several: dict[str, None] = {}
    others: dict[str, None] = {}
    for name in names:
        attribute = name.partition(".")[2]
        if name in _DERIVED:
            derived[_DERIVED[name]] = None
        elif name.startswith(("command.", "commands.")) and FIELDS[name].holds == "text":
            (several if FIELDS[f"command.{attribute}"].many else single)[attribute] = None
        else:
            others[name] = None
    return FieldNames(tuple(derived), tuple(single), tuple(several), tuple(others))


class View:
    """The fields of one action. `at` is a command's index, or -1 where there is none."""

    __slots__ = ("_encoded", "_folded", "_joined", "_texts", "_values", "action", "scanned")

    def __init__(self, action: Action) -> None:
        self.action = action
        self.scanned = 0
        """Bytes that regular expressions have looked at: the cost of this event."""
        self._values: dict[tuple[str, int], Values] = {}
        self._texts: dict[tuple[str, int], tuple[str, ...]] = {}
        self._folded: dict[tuple[str, int], tuple[str, ...]] = {}
        self._joined: dict[str, str] = {}
        self._encoded: dict[tuple[str, int, bool], tuple[bytes, ...]] = {}

    def values(self, name: str, at: int) -> Values:
        if name == KEYWORD:
            return (self.action.text, *self.action.strings)
        known = _known.get(name)
        if known is None:
            known = field(name)
            assert known is not None, name
            _known[name] = known
        key = (name, at if known.per_command else _EVENT)
        found = self._values.get(key)
        if found is None:
            command = self.action.commands[at] if known.per_command and at >= 0 else None
            found = self._values[key] = known.get(self.action, command)
        return found

    def texts(self, name: str, at: int) -> tuple[str, ...]:
        key = (name, at)
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = tuple(text_of(v) for v in self.values(name, at))
        return found

    def folded(self, name: str, at: int) -> tuple[str, ...]:
        key = (name, at)
        found = self._folded.get(key)
        if found is None:
            found = self._folded[key] = tuple(fold(text) for text in self.texts(name, at))
        return found

    def joined(self, name: str) -> str:
        """All folded values of the event's field, or of every command's, as one text.

        Only for looking whether a literal may be there: one may also stand across a seam.
        """
        known = self._joined.get(name)
        if known is not None:
            return known
        found: Sequence[str]
        if name.startswith(("command.", "commands.")):
            attribute = name.partition(".")[2]
            found = []
            for command in self.action.commands:
                value = getattr(command, attribute)
                if isinstance(value, tuple):
                    found += value
                elif value != "":
                    found.append(text_of(value))
        elif (derived := _DERIVED.get(name)) is not None:
            found = getattr(self.action, derived)
        else:
            found = [text_of(value) for value in self.values(name, _EVENT)]
        text = fold(found[0] if len(found) == 1 else "\n".join(found)) if found else ""
        self._joined[name] = text
        return text

    def searched(self, names: FieldNames) -> str:
        """All folded values of some fields of the event and of its commands, as one text.

        Like `joined`, only for looking whether a literal may be there.
        """
        action = self.action
        pieces: list[str] = []
        for attribute in names.derived:
            pieces += getattr(action, attribute)
        if names.single or names.several:
            for command in action.commands:
                for attribute in names.single:
                    pieces.append(getattr(command, attribute))
                for attribute in names.several:
                    pieces += getattr(command, attribute)
        for name in names.others:
            pieces += self.texts(name, _EVENT)
        # The same text often stands in several fields.
        return fold("\n".join(dict.fromkeys(pieces)))

    def encoded(self, name: str, at: int, folded: bool) -> tuple[bytes, ...]:
        """UTF-8 of the values, which is what RE2 reads."""
        key = (name, at, folded)
        found = self._encoded.get(key)
        if found is None:
            texts = self.folded(name, at) if folded else self.texts(name, at)
            found = self._encoded[key] = tuple(text.encode("utf-8", "replace") for text in texts)
        return found
