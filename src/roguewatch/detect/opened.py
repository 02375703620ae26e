"""Calls whose results are awaited, within bounds of number and size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from roguewatch.events import Event

MAX_CALLS = 128
MAX_BYTES = 1 << 20
"""What the calls of one session may hold; the oldest go first, the latest is always kept."""

T = TypeVar("T")


class Opened(Generic[T]):
    """What is kept of each call until its result comes."""

    __slots__ = ("_calls", "_size")

    def __init__(self) -> None:
        self._calls: OrderedDict[str, tuple[str, int, T]] = OrderedDict()
        self._size = 0

    def put(self, call: Event, kept: T) -> None:
        """Await the result of a call."""
        key = call.call_id or call.id
        size = len(call.arguments) + len(call.raw)
        if (before := self._calls.pop(key, None)) is not None:
            self._size -= before[1]
        self._calls[key] = (call.tool, size, kept)
        self._size += size
        while len(self._calls) > 1 and (len(self._calls) > MAX_CALLS or self._size > MAX_BYTES):
            self._size -= self._calls.popitem(last=False)[1][1]

    def get(self, call_id: str) -> T | None:
        found = self._calls.get(call_id)
        return found[2] if found is not None else None

    def pop(self, result: Event) -> T | None:
        """What was kept of the call that a result answers.

        A source that gives calls no ids tells results by their tool: the oldest one waits.
        """
        key = result.call_id
        if not key:
            key = next((key for key, one in self._calls.items() if one[0] == result.tool), "")
        found = self._calls.pop(key, None)
        if found is None:
            return None
        self._size -= found[1]
        return found[2]
