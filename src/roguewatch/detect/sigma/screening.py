"""Which rules an event could satisfy: one pass over its text for all their literals.

All short fields that rules look into are searched end to end; where a literal stands says in
which field and in which command. Every rule is filed under the set of keys that tells events
best apart, and what else it needs is held against the keys found before it is judged. Both
only ever pass too much, never too little.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from roguewatch.detect.commands.command import Command
from roguewatch.detect.sigma.lexicon import LONG, Lexicon, Lexicons, Screened, Searched, Sought
from roguewatch.detect.sigma.prefilter import Case, Formula
from roguewatch.detect.sigma.view import View, fold_bytes

_DERIVED = ("paths", "written", "urls")
"""Fields that are texts of the action, and no long ones."""

_VOCABULARY = frozenset("program via piped_from background certain pipeline".split())
"""Fields of a command with few and short values: what they show together is remembered."""

MAX_KNOWN = 256
"""Sets of keys whose rules are kept, of events that are alike."""
MAX_COMMANDS = 1_024
"""Commands alike in their vocabulary of which is kept what they show."""
_MAX_WORDS = 256
"""Characters of such a command."""

R = TypeVar("R", bound=Screened)


class Filed(NamedTuple, Generic[R]):
    """A rule under the keys of which it needs one."""

    rule: R
    at: int
    """Its place among the rules: in that order they are judged."""
    needs: Formula | None
    """What else it needs."""
    placed: bool
    """Whether the keys say on which commands it may hold."""


ALL = -1
"""Every command: a set of commands is the sum of 1 << index."""


class Pieces:
    """Texts of one sort, end to end, and whose each of them is.

    Args:
        lexicon: what is looked for in them.
    """

    __slots__ = ("_lexicon", "_owners", "_texts")

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._texts: list[str] = []
        self._owners: list[tuple[dict[int, tuple[int, ...]], int]] = []

    def add(self, texts: tuple[str, ...], literals: dict[int, tuple[int, ...]], bit: int) -> None:
        """Some more, with the keys that each literal shows there, and their command."""
        self._texts += texts
        self._owners += [(literals, bit)] * len(texts)

    def search(self, found: dict[int, int]) -> None:
        """Look for all literals in all pieces, and note what each shows where it stands."""
        texts = self._texts
        if len(texts) == 1:
            literals, bit = self._owners[0]
            for literal in self._lexicon(fold_bytes(texts[0])):
                for number in literals.get(literal, ()):
                    found[number] = found.get(number, 0) | bit
            return
        joined = "\n".join(texts)
        parts: list[str] | list[bytes] = texts
        if joined.isascii():
            data = joined.lower().encode()
        else:
            parts = [fold_bytes(text) for text in texts]
            data = b"\n".join(parts)
        ends: list[int] = []
        for offset, matches in self._lexicon.windows(data):
            if matches and not ends:
                ends = list(accumulate([len(part) + 1 for part in parts]))
            at = bisect_right(ends, offset)
            for literal, start, end in matches:
                while ends[at] <= offset + end:
                    at += 1
                literals, bit = self._owners[at]
                shown = literals.get(literal)
                # A match that began in the piece before is none.
                if shown is not None and (not at or offset + start >= ends[at - 1]):
                    for number in shown:
                        found[number] = found.get(number, 0) | bit


class Sight:
    """What is looked for in events that are alike, and where.

    Args:
        cases: what the rules that can hold on such events need of them.
        lexicons: of all rules.
    """

    def __init__(self, cases: Sequence[tuple[Screened, Case]], lexicons: Lexicons) -> None:
        asked = frozenset().union(*[case.fields for _, case in cases])
        of_text = frozenset().union(*[case.of_text for _, case in cases])
        long = [lexicons.searched(name, of_text) for name in LONG if name in asked]
        self.long = [one for one in long if one.shown or one.present]
        by_field = [one for name, one in lexicons.sought.items() if name in asked]
        names = {name for rule, _ in cases for name in rule.needs.named_arguments}
        self.numbers = [(name, name.split(".")[1]) for name in sorted(names)]
        """Arguments that rules ask for by name: numbers among them are no strings."""
        self.derived = [one for one in by_field if one.name in _DERIVED]
        self.others = [
            one
            for one in by_field
            if one.name not in _DERIVED and not one.name.startswith("command.")
        ]
        of_command = {
            one.name.partition(".")[2]: one for one in by_field if one.name.startswith("command.")
        }
        self.words = [one for name, one in of_command.items() if name in _VOCABULARY]
        self.texts = [one for name, one in of_command.items() if name not in _VOCABULARY]
        self._words_of = _attributes([name for name in of_command if name in _VOCABULARY])
        self._texts_of = _attributes([name for name in of_command if name not in _VOCABULARY])
        self._known: dict[tuple[Any, ...], tuple[int, ...]] = {}
        """By the vocabulary of a command, the keys that it shows."""
        self._looks_up = bool(self.derived or self.others or of_command)
        """Whether short fields matter; of messages and outputs none does."""
        self._of_command = bool(of_command)

    def found(self, view: View) -> dict[int, int]:
        """The keys that an event shows, by number, each with the commands that show it."""
        found: dict[int, int] = {}
        if self._looks_up:
            self._look_up(view, found)
        for searched in self.long:
            self._look_into(searched, view, found)
        return found

    def _look_into(self, searched: Searched, view: View, found: dict[int, int]) -> None:
        texts: Sequence[str] = getattr(view.action, searched.source)
        if isinstance(texts, str):
            texts = (texts,) if texts else ()
        elif searched.name == "arguments":
            for name, first in self.numbers:
                value = view.action.arguments.get(first)
                if value is not None and not isinstance(value, str):
                    texts = (*texts, *view.texts(name, -1))
        if texts:
            for number in searched.present:
                found[number] = 0
            if searched.shown:
                shown = searched.shown
                data = fold_bytes(texts[0] if len(texts) == 1 else "\n".join(texts))
                for at in searched.lexicon(data):
                    found[shown[at]] = 0

    def _look_up(self, view: View, found: dict[int, int]) -> None:
        """Values that are known whole; then everything else in one pass."""
        action = view.action
        pieces: dict[Lexicon, Pieces] = {}
        for sought in self.derived:
            texts = getattr(action, sought.name)
            if texts:
                _add(pieces, sought, texts, 0)
                for number in sought.present:
                    found[number] = 0
        for sought in self.others:
            for text in view.texts(sought.name, -1):
                for number in sought.shown(text):
                    found[number] = 0
        if self._of_command:
            bit = 1
            for command in action.commands:
                self._look_at(command, bit, found, pieces)
                bit <<= 1
        for one in pieces.values():
            one.search(found)

    def _look_at(
        self, command: Command, bit: int, found: dict[int, int], pieces: dict[Lexicon, Pieces]
    ) -> None:
        words = self._words_of(command)
        numbers = self._known.get(words)
        if numbers is None:
            numbers = self._shown(words)
        for number in numbers:
            found[number] = found.get(number, 0) | bit
        for sought, texts in zip(self.texts, self._texts_of(command), strict=True):
            if texts:
                _add(pieces, sought, (texts,) if isinstance(texts, str) else texts, bit)
                for number in sought.present:
                    found[number] = found.get(number, 0) | bit

    def _shown(self, words: tuple[Any, ...]) -> tuple[int, ...]:
        """The keys that the vocabulary of a command shows."""
        numbers: dict[int, None] = {}
        size = 0
        for sought, value in zip(self.words, words, strict=True):
            for one in value if isinstance(value, tuple) else (value,):
                if one != "":
                    numbers.update(dict.fromkeys(sought.shown(one)))
                    size += len(one) if isinstance(one, str) else 1
        if size <= _MAX_WORDS:
            if len(self._known) >= MAX_COMMANDS:
                self._known.clear()
            self._known[words] = tuple(numbers)
        return tuple(numbers)


def _add(pieces: dict[Lexicon, Pieces], sought: Sought, texts: tuple[str, ...], bit: int) -> None:
    if sought.literals:
        among = pieces.get(sought.lexicon)
        if among is None:
            among = pieces[sought.lexicon] = Pieces(sought.lexicon)
        among.add(texts, sought.literals, bit)


def _attributes(names: Iterable[str]) -> Callable[[Command], tuple[Any, ...]]:
    """What gives these attributes of a command, together."""
    asked = tuple(names)
    if len(asked) > 1:
        return attrgetter(*asked)
    return lambda command: tuple([getattr(command, name) for name in asked])


class Plan(Generic[R]):
    """The rules that can hold on events that are alike, by what they need to see.

    Args:
        cases: each of these rules with what it needs of such an event.
        lexicons: of all rules.
    """

    def __init__(self, cases: Sequence[tuple[R, Case]], lexicons: Lexicons) -> None:
        self._sight = Sight(cases, lexicons)
        self._known: dict[tuple[tuple[int, int], ...], list[tuple[R, int]]] = {}
        self._always: list[Filed[R]] = []
        self._filed: dict[int, list[Filed[R]]] = {}
        for at, (rule, case) in enumerate(cases):
            filed = Filed(rule, at, case.rest, case.placed)
            if case.first is None:
                self._always.append(filed)
                continue
            for number in case.first:
                self._filed.setdefault(number, []).append(filed)

    def candidates(self, view: View) -> list[tuple[R, int]]:
        """Rules worth judging, with the commands worth looking at. They follow from the keys
        that the event shows, and many events show the same."""
        found = self._sight.found(view)
        if not (found or self._always):
            return []
        shown = tuple(found.items())
        known = self._known.get(shown)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[shown] = self._worth(found)
        return known

    def _worth(self, found: dict[int, int]) -> list[tuple[R, int]]:
        met: dict[int, tuple[R, int]] = {}
        shown = found.keys() if len(found) < 2 else set(found)
        for filed in self._always:
            if filed.needs is None or filed.needs(shown):
                met[filed.at] = (filed.rule, ALL)
        refused: set[int] = set()
        filed_under = self._filed
        for number, commands in found.items():
            for rule, at, needs, placed in filed_under.get(number, ()):
                known = met.get(at)
                if known is not None:
                    met[at] = (rule, known[1] | commands)
                elif at not in refused:
                    if needs is None or needs(shown):
                        met[at] = (rule, commands if placed else ALL)
                    else:
                        refused.add(at)
        return [met[at] for at in sorted(met)]
