"""Which rules an event could satisfy: one pass over its text for all their literals.

Every rule needs something to be there (`gates`). The literals of all rules are looked
for at once, with Aho and Corasick's automaton (CACM 18(6), 1975), in all the fields that
rules look into, joined; most events hold few of them. A literal that is there opens its
rules, where it stands in the right field; what else such a rule needs is held against the
literals found before the rule is judged. Both only ever pass too much, never too little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from roguewatch.detect.sigma.expression import fold
from roguewatch.detect.sigma.gates import Gate
from roguewatch.detect.sigma.prefilter import Formula, Skeleton, formula, literals_of, need
from roguewatch.detect.sigma.view import View, field_names

_LONG = ("text",)
"""Fields with much text and few literals: they are searched apart from the others."""

_WINDOW = 1 << 16
"""Bytes that are searched in one call."""

_NONE: dict[str, list[Any]] = {}


class Gated(Protocol):
    """A rule with what it needs."""

    gate: Gate | None
    asked: Skeleton
    fields: frozenset[str]
    """The fields that show what it asks for."""


R = TypeVar("R", bound=Gated)


class Lexicon:
    """Finds which of its literals stand in a text; linear in the text, whatever it says."""

    def __init__(self, literals: Collection[str]) -> None:
        self._literals = sorted(literals)
        encoded = [literal.encode("utf-8", "replace") for literal in self._literals]
        self._overlap = max(map(len, encoded), default=1) - 1
        # Bytes, because for a text the library counts characters, which nobody needs here.
        self._search = BytesAhoCorasick(
            encoded, matchkind=MatchKind.Standard, implementation=Implementation.DFA
        ).find_matches_as_indexes

    def __call__(self, text: str) -> set[str]:
        """The literals that are there."""
        if not self._literals:
            return set()
        data = text.encode("utf-8", "replace")
        if len(data) <= _WINDOW:
            return self._found(data)
        # Piece by piece: a text made of nothing but literals must not become a list of all.
        found: set[str] = set()
        for start in range(0, len(data), _WINDOW):
            found |= self._found(data[start : start + _WINDOW + self._overlap])
        return found

    def _found(self, data: bytes) -> set[str]:
        literals = self._literals
        return {literals[at] for at, _, _ in self._search(data, overlapping=True)}


class Lexicons:
    """The literals of all rules: of short fields together, of long ones by kind of event."""

    def __init__(self, rules: Iterable[Gated]) -> None:
        self.short = Lexicon(
            {text for rule in rules for field, text in _literals(rule) if field not in _LONG}
        )
        self._long: dict[frozenset[str], Lexicon] = {}

    def long(self, rules: Iterable[Gated]) -> Lexicon:
        """The literals of these rules in long fields: most kinds of event concern few."""
        wanted = frozenset(
            text for rule in rules for field, text in _literals(rule) if field in _LONG
        )
        found = self._long.get(wanted)
        if found is None:
            found = self._long[wanted] = Lexicon(wanted)
        return found


def _literals(rule: Gated) -> Iterator[tuple[str, str]]:
    """Field and text of every literal that a rule is looked up by."""
    for key in rule.gate or ():
        if key.text and not key.exact:
            yield key.field, key.text
    yield from literals_of(rule.asked)


class Plan(Generic[R]):
    """The rules that can hold on one kind of event, by what they need to see.

    Args:
        rules: those that can.
        known: values of fields that are the same in all events of this kind.
        empty: beginnings of the names of fields that such an event has not.
        lexicons: of all rules.
    """

    def __init__(
        self,
        rules: Sequence[R],
        known: Mapping[str, str],
        empty: tuple[str, ...],
        lexicons: Lexicons,
    ) -> None:
        self._lexicons = lexicons
        self._needs: dict[R, Formula] = {}
        self._always: list[R] = []
        self._literals: dict[str, dict[str, list[R]]] = {}
        self._present: dict[str, list[R]] = {}
        exact: dict[str, dict[str, list[R]]] = {}
        fields: dict[str, None] = {}
        kept: list[R] = []
        for rule in rules:
            keys = [key for key in rule.gate or () if not key.field.startswith(empty)]
            if rule.gate is not None and not keys:
                continue
            wanted = need(rule.asked, known, empty)
            if wanted is False:
                continue
            kept.append(rule)
            if (test := formula(wanted)) is not None:
                self._needs[rule] = test
            if rule.gate is None:
                self._always.append(rule)
            for key in keys:
                if key.exact:
                    exact.setdefault(key.field, {}).setdefault(key.text, []).append(rule)
                elif key.text:
                    self._literals.setdefault(key.text, {}).setdefault(key.field, []).append(rule)
                else:
                    self._present.setdefault(key.field, []).append(rule)
            fields.update((key.field, None) for key in keys if key.text and not key.exact)
            fields.update(dict.fromkeys(rule.fields))
        fields = {name: None for name in fields if not name.startswith(empty)}
        self._long = [name for name in fields if name in _LONG]
        self._in_long = lexicons.long(kept if self._long else ())
        self._short = field_names(name for name in fields if name not in _LONG)
        self._programs = exact.pop("command.program", {})
        self._exact = [(name, by) for name, by in exact.items() if not of_command(name)]
        self._command_exact = [(name, by) for name, by in exact.items() if of_command(name)]
        self.idle = not (self._always or self._literals or self._present or exact or self._programs)
        """Whether no rule can hold on such an event."""

    def candidates(self, view: View) -> dict[R, Collection[int] | None]:
        """Rules worth judging, with the commands worth looking at (None: all)."""
        if self.idle:
            return {}
        literals = self._found(view)
        met: list[R] = self._ready(self._always, literals)
        for name, by in self._exact:
            for text in view.folded(name, -1):
                met += self._ready(by.get(text, ()), literals)
        opened: dict[str, list[tuple[str, list[R]]]] = {}
        for literal in literals:
            for name, rules in self._literals.get(literal, _NONE).items():
                ready = self._ready(rules, literals)
                if ready and literal in view.joined(name):
                    if of_command(name):
                        opened.setdefault(name, []).append((literal, ready))
                    else:
                        met += ready
        present: list[tuple[str, list[R]]] = []
        for name, rules in self._present.items():
            ready = self._ready(rules, literals)
            if ready and (view.joined(name) or (not of_command(name) and view.values(name, -1))):
                if of_command(name):
                    present.append((name, ready))
                else:
                    met += ready
        found: dict[R, Collection[int] | None] = dict.fromkeys(met)
        self._commands(view, literals, opened, present, found)
        return found

    def _ready(self, rules: Iterable[R], literals: set[str]) -> list[R]:
        """Those of which all that they need is there, somewhere."""
        needs = self._needs
        return [rule for rule in rules if not (test := needs.get(rule)) or test(literals)]

    def _found(self, view: View) -> set[str]:
        """The literals of any rule that stand in any field."""
        text = view.searched(self._short)
        found: set[str] = self._lexicons.short(text) if text else set()
        for name in self._long:
            if text := view.joined(name):
                found |= self._in_long(text)
        return found

    def _commands(
        self,
        view: View,
        literals: set[str],
        opened: dict[str, list[tuple[str, list[R]]]],
        present: list[tuple[str, list[R]]],
        found: dict[R, Collection[int] | None],
    ) -> None:
        """Add the rules that a command opens, with the places of those commands."""
        if not (self._programs or self._command_exact or opened or present):
            return
        commands = view.action.commands
        exact = [
            (name, by)
            for name, by in self._command_exact
            if commands and not by.keys().isdisjoint(view.joined(name).split("\n"))
        ]
        for at, command in enumerate(commands):
            met = list(self._programs.get(fold(command.program), ()))
            for name, by in exact:
                for text in view.folded(name, at):
                    met += by.get(text, ())
            for name, choices in opened.items():
                for text in view.folded(name, at):
                    for literal, rules in choices:
                        if literal in text:
                            met += rules
            for name, rules in present:
                if view.folded(name, at):
                    met += rules
            for rule in met:
                if rule in found or not (test := self._needs.get(rule)) or test(literals):
                    places = found.setdefault(rule, {})
                    if isinstance(places, dict):
                        places[at] = None


def of_command(name: str) -> bool:
    """Whether a field is one command's."""
    return name.startswith("command.")
