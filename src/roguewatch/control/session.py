"""What control remembers of one session, live or rebuilt from the ledger."""

from __future__ import annotations

import time
from collections import OrderedDict

from roguewatch.control.situation import LEVEL_NUMBER
from roguewatch.events import Event
from roguewatch.findings import Finding

MAX_FED = 256
"""Events of a session whose findings are kept, for the one that comes a second time."""


class SessionMemory:
    """What policies ask of the session, and what was fed of it already."""

    __slots__ = ("behaviours", "blocked", "fed", "generation", "human", "level")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        """Of the detection that its events were fed to."""
        self.behaviours: set[str] = set()
        self.level = 0
        self.human: dict[str, int] = {}
        """When a person last spoke to each deployment, ns UTC."""
        self.blocked: set[str] = set()
        """Deployments whose part in this session is over."""
        self.fed: OrderedDict[str, list[Finding]] = OrderedDict()
        """Findings by event id, of the latest events."""

    def follow(self, event: Event, findings: list[Finding]) -> None:
        """Note an event that the detectors have seen."""
        self.fed[event.id] = findings
        if len(self.fed) > MAX_FED:
            self.fed.popitem(last=False)
        for finding in findings:
            self.behaviours.add(finding.behaviour)
            self.level = max(self.level, LEVEL_NUMBER[finding.level])

    def spoke(self, deployment: str, event: Event) -> None:
        """Note that a person spoke, if this event says so."""
        if event.kind == "user_message" and event.author == "human":
            self.human[deployment] = event.time or time.time_ns()
