"""Detection on live events: the engine, rebuilt from the ledger when it must be.

After a restart, or when rules are reloaded, a session's state is not in memory. The first
event of such a session is preceded by its events from the ledger, fed in ledger order, so
that live and replay give the same findings.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from roguewatch.detect.engine import MAX_SESSIONS, Engine
from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.ledger.ledger import Ledger


class LiveDetection:
    """Feeds an engine, and rebuilds its sessions from the ledger.

    Args:
        load: loads an engine; called now and at every reload.
        ledger: where earlier events of a session are.
    """

    def __init__(self, load: Callable[[], Engine], ledger: Ledger) -> None:
        self._load = load
        self._ledger = ledger
        self.engine = load()
        self._followed: OrderedDict[str, None] = OrderedDict()
        self._fed: set[str] = set()

    def feed(self, event: Event) -> list[Finding]:
        """Findings of an event; those of a replayed past are not given again."""
        session = event.session
        if session not in self._followed:
            self._replay(session)
        self._followed[session] = None
        self._followed.move_to_end(session)
        if len(self._followed) > MAX_SESSIONS:
            self._followed.popitem(last=False)
        return self.engine.feed(event)

    def reload(self) -> None:
        """Load the rules anew. Raises, and keeps the old engine, if they cannot be used."""
        self.engine = self._load()
        self._followed.clear()

    def _replay(self, session: str) -> None:
        try:
            for past in self._ledger.events(session=session):
                if past.kind != "decision":
                    self.engine.feed(past)
        except LedgerError as error:
            # The gate turns this into the deployment's fail mode.
            raise LedgerError(f"the session's past cannot be read: {error}") from error
