"""What has been shown to pass in a session: for limits such as "don't push until the tests pass"."""

from __future__ import annotations

from roguewatch.detect.action import Action
from roguewatch.detect.claims.checks import check_of
from roguewatch.detect.claims.statements import claims
from roguewatch.detect.opened import Opened
from roguewatch.events import Event


class Proofs:
    """The last outcome of each kind of check, from results and from what people report."""

    def __init__(self) -> None:
        self._open: Opened[Action] = Opened()
        self._last: dict[str, str] = {}

    def call(self, action: Action) -> None:
        """Take in a call."""
        if action.scripts:
            self._open.put(action.event, action)

    def result(self, event: Event) -> None:
        """Take in what came of a call."""
        action = self._open.pop(event)
        if action is None:
            return
        text = "\n".join([text for text, _ in action.scripts])
        check = check_of(action.event, action.commands, text, event)
        if check is not None:
            self._last.update(check.outcome)

    def told(self, text: str) -> None:
        """Take in a person's message: who says that the tests pass has seen it."""
        for claim in claims(text[:8192]):
            self._last[claim.kind] = "passed"
            if claim.kind == "checks":
                self._last.clear()
                self._last.update(dict.fromkeys(("tests", "build", "lint", "types"), "passed"))

    def lacks(self, kind: str) -> bool:
        """Whether a kind of check was never made or failed last; what is unclear is no lack."""
        return self._last.get(kind, "failed") in ("failed", "empty", "faked", "muted")
