"""Incremental automata of the correlation types, each with bounded state.

Every automaton takes one event at a time and says whether its condition became true with
it. Bounds that cannot change an answer are silent; one that can is counted in `dropped`.
A condition that stays true is reported once, until it has been false again.
"""

from __future__ import annotations

import math
import operator
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from roguewatch.detect.sigma.rule import Correlation

MAX_WINDOW = 10_000
"""Events that a sum or average is taken over, at most; older ones are dropped and reported."""

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
}


class Entry(NamedTuple):
    """One event as a window sees it."""

    time: int
    """ns; never runs backwards within a window."""
    key: str
    """The action: sightings of the same call share it."""
    event: str
    rule: str
    values: tuple[str, ...]


class Window(Protocol):
    dropped: int

    def add(self, entry: Entry) -> tuple[str, ...]:
        """The events that prove the condition, if it became true; else ()."""


def window(correlation: Correlation) -> Window:
    """A fresh automaton for one group of a correlation."""
    kind = correlation.kind
    if kind == "event_count":
        return EventCount(correlation)
    if kind == "value_count":
        return ValueCount(correlation)
    if kind == "temporal":
        return Temporal(correlation)
    if kind == "temporal_ordered":
        return TemporalOrdered(correlation)
    return ValueTotal(correlation)


class EventCount:
    """How many different actions. Keeps one more than the threshold: that many decide."""

    def __init__(self, correlation: Correlation) -> None:
        self.dropped = 0
        self._span = correlation.seconds * 1_000_000_000
        self._holds = _HOLDS[correlation.operator]
        self._threshold = correlation.threshold
        self._most = math.floor(correlation.threshold) + 1
        self._seen: OrderedDict[str, Entry] = OrderedDict()

    def add(self, entry: Entry) -> tuple[str, ...]:
        seen = self._seen
        while seen and next(iter(seen.values())).time < entry.time - self._span:
            seen.popitem(last=False)
        if entry.key in seen:
            return ()
        before = self._holds(len(seen), self._threshold)
        seen[entry.key] = entry
        proof: tuple[str, ...] = ()
        if not before and self._holds(len(seen), self._threshold):
            proof = (entry.event, *[e.event for e in seen.values() if e is not entry])
        if len(seen) > self._most:
            seen.popitem(last=False)
        return proof


class ValueCount:
    """How many different values. Keeps the latest time of the latest values."""

    def __init__(self, correlation: Correlation) -> None:
        self.dropped = 0
        self._span = correlation.seconds * 1_000_000_000
        self._holds = _HOLDS[correlation.operator]
        self._threshold = correlation.threshold
        self._most = math.floor(correlation.threshold) + 1
        self._seen: OrderedDict[str, Entry] = OrderedDict()

    def add(self, entry: Entry) -> tuple[str, ...]:
        seen = self._seen
        while seen and next(iter(seen.values())).time < entry.time - self._span:
            seen.popitem(last=False)
        fired: tuple[str, ...] = ()
        for value in entry.values:
            before = self._holds(len(seen), self._threshold)
            seen[value] = entry
            seen.move_to_end(value)
            if self._holds(len(seen), self._threshold) and not before:
                fired = tuple(dict.fromkeys([entry.event, *(e.event for e in seen.values())]))
            if len(seen) > self._most:
                seen.popitem(last=False)
        return fired


class ValueTotal:
    """Sum or average of a number over the window."""

    def __init__(self, correlation: Correlation) -> None:
        self.dropped = 0
        self._span = correlation.seconds * 1_000_000_000
        self._holds = _HOLDS[correlation.operator]
        self._threshold = correlation.threshold
        self._average = correlation.kind == "value_avg"
        self._seen: deque[tuple[Entry, float]] = deque()
        self._keys: set[str] = set()

    def add(self, entry: Entry) -> tuple[str, ...]:
        seen = self._seen
        while seen and seen[0][0].time < entry.time - self._span:
            self._keys.discard(seen.popleft()[0].key)
        numbers = [number for value in entry.values if (number := _finite(value)) is not None]
        if not numbers or entry.key in self._keys:
            return ()
        before = bool(seen) and self._holds(self._total(), self._threshold)
        seen.extend((entry, number) for number in numbers)
        self._keys.add(entry.key)
        while len(seen) > MAX_WINDOW:
            self._keys.discard(seen.popleft()[0].key)
            self.dropped += 1
        if before or not self._holds(self._total(), self._threshold):
            return ()
        return tuple(dict.fromkeys([entry.event, *(one.event for one, _ in seen)]))

    def _total(self) -> float:
        total = math.fsum(number for _, number in self._seen)
        return total / len(self._seen) if self._average else total


def _finite(value: str) -> float | None:
    try:
        number = float(value) if len(value) <= 40 else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None


class Temporal:
    """Which of the rules were met within the span, in any order: the latest of each."""

    def __init__(self, correlation: Correlation) -> None:
        self.dropped = 0
        self._span = correlation.seconds * 1_000_000_000
        self._holds = _HOLDS[correlation.operator]
        self._threshold = correlation.threshold
        self._choices = [frozenset(choice) for choice in correlation.alternatives]
        self._latest: dict[str, Entry] = {}

    def add(self, entry: Entry) -> tuple[str, ...]:
        latest = self._latest
        for rule in [r for r, e in latest.items() if e.time < entry.time - self._span]:
            del latest[rule]
        before = self._reached()
        latest[entry.rule] = entry
        if before or not self._reached():
            return ()
        events = sorted(latest.values(), key=lambda e: e.time)
        return tuple(dict.fromkeys([entry.event, *(e.event for e in events)]))

    def _reached(self) -> bool:
        if self._choices:
            return any(choice <= self._latest.keys() for choice in self._choices)
        return self._holds(len(self._latest), self._threshold)


class TemporalOrdered:
    """All rules in their order within the span.

    For every length of prefix the chain that began last is kept: it is the one most
    likely to finish in time, so no other can matter. An event takes one place only, and
    a chain that was reported is used up.
    """

    def __init__(self, correlation: Correlation) -> None:
        self.dropped = 0
        self._span = correlation.seconds * 1_000_000_000
        self._rules = correlation.rules
        self._chains: list[tuple[Entry, ...]] = [()] * len(correlation.rules)

    def add(self, entry: Entry) -> tuple[str, ...]:
        chains = self._chains
        for place in range(len(self._rules) - 1, -1, -1):
            if self._rules[place] != entry.rule:
                continue
            if place == 0:
                chains[0] = (entry,)
                continue
            chain = chains[place - 1]
            if not chain or chain[0].time < entry.time - self._span:
                continue
            if any(one.key == entry.key for one in chain):
                continue
            chains[place] = (*chain, entry)
        if not chains[-1]:
            return ()
        finished = chains[-1]
        self._chains = [()] * len(self._rules)
        return (entry.event, *(one.event for one in finished if one is not entry))
