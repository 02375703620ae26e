"""Feeding built events to detectors, in one line."""

from __future__ import annotations

from collections.abc import Iterable

from roguewatch.detect.action import Action
from roguewatch.detect.detector import Detector
from roguewatch.events import Event
from roguewatch.findings import Finding
from tests.build import asked, call, event, result, said

__all__ = ["asked", "call", "event", "result", "run", "said", "watch"]


def watch(detector: Detector, events: Iterable[Event], end: bool = True) -> list[Finding]:
    """Every finding of a detector over events, the end of their sessions included."""
    found: list[Finding] = []
    sessions: dict[str, None] = {}
    for one in events:
        sessions[one.session] = None
        found += detector.observe(Action(one))
    if end:
        for session in sessions:
            found += detector.finish(session)
    return found


def run(command: str, output: str = "", status: int | None = 0, **fields: object) -> list[Event]:
    """A shell command with its result."""
    made = call("Bash", command=command)
    return [made, result(made, output, exit_status=status, failed=bool(status), **fields)]
