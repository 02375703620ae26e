"""Correlations over the matches of rules: groups, aliases, and what is forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice, product

from roguewatch.detect.sigma.rule import Correlation
from roguewatch.detect.sigma.view import View
from roguewatch.detect.sigma.windows import Entry, Window, window

MAX_GROUPS = 10_000
"""Groups that a correlation remembers, for each session where it groups by session; the
group that was not met for longest is forgotten first, and that is reported."""

MAX_SESSIONS = 10_000
MAX_GROUPS_OF_EVENT = 64
"""Groups that one event may belong to (the product of its fields' values)."""

Matches = Mapping[str, tuple[int, ...]]
"""Rule id: the commands (or -1) on which it held in this event."""


class _Group:
    __slots__ = ("now", "window")

    def __init__(self, automaton: Window) -> None:
        self.window = automaton
        self.now = 0


class Correlating:
    """One correlation, running."""

    def __init__(self, correlation: Correlation) -> None:
        self.correlation = correlation
        self.forgotten = 0
        """Groups, events and group memberships dropped because of a bound."""
        self._rules = dict.fromkeys(correlation.rules)
        self._by_session = "session" in correlation.group_by
        self._groups: OrderedDict[str, OrderedDict[tuple[str, ...], _Group]] = OrderedDict()

    def feed(self, matches: Matches, view: View, key: str) -> list[tuple[str, tuple[str, ...]]]:
        """(group, proving events) of every group whose condition became true."""
        fired = []
        event = view.action.event
        for rule in self._rules:
            for at in matches.get(rule, ()):
                values = self._values(view, at)
                for group in self._groups_of(rule, view, at):
                    state = self._state(event.session, group)
                    state.now = max(state.now, event.time or 0)
                    entry = Entry(state.now, key, event.id, rule, values)
                    before = state.window.dropped
                    proof = state.window.add(entry)
                    self.forgotten += state.window.dropped - before
                    if proof:
                        fired.append(("|".join(group), proof))
        return fired

    def _values(self, view: View, at: int) -> tuple[str, ...]:
        fields = self.correlation.value_field
        if len(fields) <= 1:
            return view.texts(fields[0], at) if fields else ()
        combined = product(*(view.texts(name, at) for name in fields))
        return tuple("\x00".join(parts) for parts in islice(combined, MAX_GROUPS_OF_EVENT))

    def _groups_of(self, rule: str, view: View, at: int) -> Iterator[tuple[str, ...]]:
        """An event without one of the fields belongs to no group."""
        aliases = self.correlation.aliases
        fields = [
            aliases[name][rule] if name in aliases else name for name in self.correlation.group_by
        ]
        groups = product(*(dict.fromkeys(view.texts(name, at)) for name in fields))
        yield from islice(groups, MAX_GROUPS_OF_EVENT)
        self.forgotten += sum(1 for _ in islice(groups, MAX_GROUPS_OF_EVENT))

    def _state(self, session: str, group: tuple[str, ...]) -> _Group:
        home = session if self._by_session else ""
        groups = self._groups.get(home)
        if groups is None:
            groups = self._groups[home] = OrderedDict()
            if len(self._groups) > MAX_SESSIONS:
                self.forgotten += len(self._groups.popitem(last=False)[1])
        state = groups.get(group)
        if state is None:
            state = groups[group] = _Group(window(self.correlation))
            if len(groups) > MAX_GROUPS:
                groups.popitem(last=False)
                self.forgotten += 1
        else:
            groups.move_to_end(group)
        return state

    def finish(self, session: str) -> None:
        """Forget what belongs to this session alone."""
        if self._by_session:
            self._groups.pop(session, None)
