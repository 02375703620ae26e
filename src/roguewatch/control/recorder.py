"""What makes events durable, as control asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from roguewatch.events import Event

RECORD_SECONDS = 2.0
"""How long a record may take."""

After = Callable[[], object]
"""What is to be done on the event loop, after an answer for which somebody waits."""


class Recorder(Protocol):
    """What makes events durable."""

    def submit(self, events: Sequence[Event]) -> Future[Any]:
        """Begin to, without waiting; the future is done when they are durable."""

    def commit(self, events: Sequence[Event]) -> Future[Any]:
        """The same; may do it at once, in the calling thread."""

    async def durable(self, events: Sequence[Event], submitted: Future[Any]) -> None:
        """Wait until they are durable; raises where they could not be made so."""

    def settle(self, events: Sequence[Event], submitted: Future[Any], seconds: float) -> After:
        """The same in a thread that may wait. Returns what is to be done on the event loop."""
