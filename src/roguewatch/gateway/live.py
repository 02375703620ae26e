"""Detection on live events: the engine, rebuilt from the ledger when it must be.

After a restart, or when rules are reloaded, a session's state is not in memory. The first
event of such a session is preceded by its events from the ledger, fed in ledger order, so
that live and replay give the same findings. Our own decisions are no acts of the agent and
are not fed, live or from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from roguewatch.detect.action import Action
from roguewatch.detect.engine import Engine
from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.ledger.ledger import Ledger


class LiveDetection:
    """An engine over live events. Only the deciding thread may call it.

    Args:
        engine: rules and detectors.
        ledger: where earlier events of a session are.
    """

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self.engine = engine
        self.generation = 0
        self._ledger = ledger

    def action(self, event: Event, *, again: bool = False) -> Action:
        """The event's derived view, for `feed`; `again`: it was fed before."""
        return self.engine.action(event, again=again)

    def feed(self, action: Action) -> list[Finding]:
        """Every finding that the event meets, also those given before."""
        return self.engine.feed(action, again=True)

    def rebuild(self, session: str) -> Iterator[tuple[Action, list[Finding]]]:
        """Feed a session's past from the ledger; each event with its findings.

        Raises:
            LedgerError: it cannot be read; the gate turns this into the fail mode.
        """
        self.engine.finish(session)
        try:
            if not self._ledger.holds(session):
                return
            end = self._ledger.size()  # whatever comes later, its own look sees
            for leaf, past in self._ledger.leaves(session=session):
                if leaf >= end:
                    return
                action = self.action(past)
                yield action, [] if past.kind == "decision" else self.feed(action)
        except LedgerError as error:
            raise LedgerError(f"the session's past cannot be read: {error}") from error

    def forget(self, session: str) -> list[Finding]:
        """Drop what is kept of a session; findings that only its end can tell."""
        return self.engine.finish(session)

    def warming(self) -> Iterator[None]:
        """See `Engine.warming`."""
        return self.engine.warming()

    def exchange(self, load: Callable[[], Engine]) -> None:
        """Put another engine in place; every session is rebuilt when it is next heard of."""
        self.engine = load()
        self.generation += 1
