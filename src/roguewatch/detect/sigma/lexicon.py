"""What all rules look for, found in one pass over a text.

The literals of all rules are looked for at once, with Aho and Corasick's automaton (CACM
18(6), 1975): in short fields together, in each long one for its own literals only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, Protocol

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from roguewatch.detect.fields import Value
from roguewatch.detect.sigma.expression import fold
from roguewatch.detect.sigma.gates import Key, Keys, field_of
from roguewatch.detect.sigma.prefilter import Needs
from roguewatch.detect.sigma.view import fold_bytes, text_of

LONG = ("text", "arguments", "content", "removed")
"""Fields with much text: each is searched by itself, for its own literals only."""

_TOGETHER = {
    **dict.fromkeys(("written", "command.paths", "command.written"), "paths"),
    "command.urls": "urls",
}
"""Short fields of the same sort of text, which are searched together."""

_WINDOW = 1 << 16
"""Bytes that are searched in one call."""

MAX_VALUES = 1_024
"""Values of a field that are remembered, each of at most `MAX_VALUE` characters."""
MAX_VALUE = 64


class Screened(Protocol):
    """A rule with what it needs."""

    needs: Needs


class Lexicon:
    """Finds which of its literals stand in a text; linear in the text, whatever it says."""

    def __init__(self, literals: Collection[str]) -> None:
        self.literals = sorted(literals)
        encoded = [literal.encode("utf-8", "replace") for literal in self.literals]
        self._overlap = max(map(len, encoded), default=1) - 1
        # Bytes, because for a text the library counts characters, which nobody needs here.
        self._search = BytesAhoCorasick(
            encoded, matchkind=MatchKind.Standard, implementation=Implementation.DFA
        ).find_matches_as_indexes

    def windows(self, data: bytes) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
        """(offset, [(literal, start, end)]), ends ascending, starts and ends from the offset.

        Piece by piece: a text made of nothing but literals must not become a list of all.
        """
        if not self.literals:
            return
        for start in range(0, max(len(data), 1), _WINDOW):
            window = data[start : start + _WINDOW + self._overlap]
            yield start, self._search(window, overlapping=True)

    def __call__(self, data: bytes) -> set[int]:
        """The literals that are there, by their number."""
        if len(data) <= _WINDOW:
            return {at for at, _, _ in self._search(data, overlapping=True)}
        found: set[int] = set()
        for _, matches in self.windows(data):
            found.update([at for at, _, _ in matches])
        return found


class Searched(NamedTuple):
    """A long field."""

    name: str
    source: str
    """The attribute of the action that holds it."""
    lexicon: Lexicon
    shown: list[int]
    """Literal: the key that it shows."""
    present: tuple[int, ...]
    """Keys that any value shows."""


class Sought:
    """What is looked for in one short field, and what the values met so far show.

    Args:
        name: the field.
        lexicon: of all fields of its sort.
    """

    __slots__ = ("_known", "lexicon", "literals", "name", "present", "values")

    def __init__(self, name: str, lexicon: Lexicon) -> None:
        self.name = name
        self.literals: dict[int, tuple[int, ...]] = {}
        """Literal: the keys that it shows here."""
        self.values: dict[str, tuple[int, ...]] = {}
        """Whole value: the keys that it shows."""
        self.present: tuple[int, ...] = ()
        """Keys that any value shows."""
        self.lexicon = lexicon
        self._known: dict[Value, tuple[int, ...]] = {}

    def shown(self, value: Value) -> tuple[int, ...]:
        """The keys that one value shows: for fields of few and short values."""
        known = self._known.get(value)
        if known is None:
            text = text_of(value)
            numbers = [*self.present, *self.values.get(fold(text), ())]
            if self.literals:
                for at in self.lexicon(fold_bytes(text)):
                    numbers += self.literals.get(at, ())
            known = tuple(dict.fromkeys(numbers))
            if len(text) <= MAX_VALUE:
                if len(self._known) >= MAX_VALUES:
                    self._known.clear()
                self._known[value] = known
        return known


def _sort(name: str) -> str:
    return _TOGETHER.get(name, name)


class Lexicons:
    """What all rules look for, by the sort of text that it is looked for in."""

    def __init__(self, rules: Iterable[Screened]) -> None:
        keys = sorted({key for rule in rules for key in rule.needs.keys})
        self.numbers = {key: number for number, key in enumerate(keys)}
        """Every key of any rule, numbered."""
        short = [key for key in keys if key.how == "in" and key.field not in LONG]
        literals: dict[str, set[str]] = {}
        for key in short:
            literals.setdefault(_sort(field_of(key)), set()).add(key.text)
        self._sorts = {sort: Lexicon(texts) for sort, texts in literals.items()}
        self._none = Lexicon(())
        self.sought = self._sought()
        """By field, what is looked for in a short one."""
        self._searched: dict[tuple[str, frozenset[Key]], Searched] = {}
        self._in_long = {name: frozenset(key for key in keys if key.field == name) for name in LONG}

    def _sought(self) -> dict[str, Sought]:
        places = {
            sort: {literal: at for at, literal in enumerate(lexicon.literals)}
            for sort, lexicon in self._sorts.items()
        }
        found: dict[str, Sought] = {}
        for key, number in self.numbers.items():
            name = field_of(key)
            if name in LONG:
                continue
            sought = found.get(name)
            if sought is None:
                lexicon = self._sorts.get(_sort(name), self._none)
                sought = found[name] = Sought(name, lexicon)
            if key.how == "has":
                sought.present = (*sought.present, number)
            elif key.how == "is":
                sought.values[key.text] = (*sought.values.get(key.text, ()), number)
            else:
                at = places[_sort(name)][key.text]
                sought.literals[at] = (*sought.literals.get(at, ()), number)
        return found

    def searched(self, name: str, of_text: Keys) -> Searched:
        """What is looked for in a long field.

        Of messages and outputs most kinds of event concern few rules; of calls all do.
        """
        keys = of_text if name == "text" else self._in_long[name]
        found = self._searched.get((name, keys))
        if found is None:
            found = self._searched[name, keys] = self._long(name, keys)
        return found

    def _long(self, name: str, keys: frozenset[Key]) -> Searched:
        lexicon = Lexicon({key.text for key in keys if key.how == "in"})
        return Searched(
            name,
            "strings" if name == "arguments" else name,
            lexicon,
            [self.numbers[Key("in", name, literal)] for literal in lexicon.literals],
            tuple(self.numbers[key] for key in sorted(keys) if key.how == "has"),
        )
