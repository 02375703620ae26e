"""What a detector written in Python is; rules are data and need none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from roguewatch.findings import Finding

if TYPE_CHECKING:
    from roguewatch.detect.action import Action


class Detector(Protocol):
    """Follows events one by one and reports. State is kept per session and bounded."""

    name: str
    version: str
    # A detector may say, as `kinds: frozenset[str]`, which kinds of event it observes; the
    # engine then spares it the others. Without it, it is given every event.

    def observe(self, action: Action) -> Iterable[Finding]:
        """Look at one event (`action.event`) with its derived view."""

    def finish(self, session: str) -> Iterable[Finding]:
        """The session is over: report what only its end can tell, and forget it."""
