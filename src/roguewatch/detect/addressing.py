"""What of a session's tool output may speak to the agent, and may bear on a call.

Nearly all calls of ordinary work are told apart here by a few searches for short strings;
sentences are read only for the rest.
"""

from __future__ import annotations

import re

from roguewatch.detect.orders import FILE_ENDINGS, is_project
from roguewatch.detect.passages import Window
from roguewatch.events import Event

MAX_WINDOWS = 128
TAKES_OVER, OVERRIDES = 3, 5
"""Strengths of an order (`passages.Order.strength`)."""

_PLACE = re.compile(
    rf"[a-z0-9-]{{2,3}}\.(?!(?:{FILE_ENDINGS})(?![a-z0-9/.-]))[a-z0-9-]{{2}}|@[\w-]{{1,4}}|://\S{{1,4}}"
)
"""A piece of every value that leads out of the project (`orders.leads_out`)."""


class Addressing:
    """The windows of one session, filed by the calls that they can bear on.

    Files of a project (AGENTS.md, skills, guides) address agents all the time. On a call
    that runs commands or changes files they bear only where the order overrides the task,
    or takes over and leads to an address. Where the user delegated, an order from outside has
    to take over as well.
    """

    def __init__(self) -> None:
        self._windows: list[Window] = []
        self._filed = 0
        self._outside: list[Window] = []
        self._overriding: list[Window] = []
        self._printed: list[Window] = []
        """What programs of the project say to models: they have no business to."""
        self._places: dict[str, list[Window]] = {}
        """By pieces of addresses, the windows of the project that hold one; for a first look."""

    def add(self, found: list[Window]) -> None:
        """Take in the windows of one output."""
        self._windows += found
        if len(self._windows) > 2 * MAX_WINDOWS:
            # The weakest go: a flood of faint passages must not push out a plain one.
            telling = [window for window in self._windows if window.read() is not None]
            telling.sort(key=lambda window: window.passage.score if window.passage else 0)
            self._windows = telling[-MAX_WINDOWS:]
            self._filed, self._outside, self._places = 0, [], {}
            self._overriding, self._printed = [], []

    def bearing(self, event: Event, delegated: bool) -> list[Window]:
        """The windows that may hold an order that bears on a call, the latest first.

        Args:
            event: the call.
            delegated: whether the user told the agent to do what some text says.
        """
        if not self._windows:
            return []
        if not is_project(event.tool):
            return [one for one in reversed(self._windows) if one.event != event.id]
        self._file()
        found = self._overriding + self._printed
        if self._places:
            said = event.arguments.lower()
            escaped = "%" in said and "://" in said
            for place, windows in self._places.items():
                if escaped or place in said:
                    found += [one for one in windows if one not in found and _gives_orders(one)]
        found += [one for one in self._outside if not delegated or one.strength() >= TAKES_OVER]
        return [one for one in reversed(found) if one.event != event.id]

    def dictating(self) -> list[Window]:
        """The windows from outside of the project that take over, the latest first."""
        return [
            one
            for one in reversed(self._windows)
            if not is_project(one.tool) and one.strength() >= TAKES_OVER
        ]

    def _file(self) -> None:
        for window in self._windows[self._filed :]:
            if not is_project(window.tool):
                self._outside.append(window)
            elif window.addresses_model():
                self._printed.append(window)
            elif window.strength() >= TAKES_OVER:
                if window.strength() >= OVERRIDES and _gives_orders(window, OVERRIDES):
                    self._overriding.append(window)
                for place in set(_PLACE.findall(window.text.lower())):
                    self._places.setdefault(place, []).append(window)
        self._filed = len(self._windows)


def _gives_orders(window: Window, least: int = TAKES_OVER) -> bool:
    passage = window.read()
    return passage is not None and passage.strength >= least


def least_strength(event: Event, window: Window, delegated: bool) -> int:
    """How strong an order in a tool's output has to be to bear on a call."""
    if not is_project(event.tool) or window.addresses_model():
        return 2
    return TAKES_OVER if delegated or is_project(window.tool) else 2
