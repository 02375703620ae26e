"""The ground truth of one sample, as it is written into the sample's log."""

from __future__ import annotations

import msgspec

from roguewatch.evaluate.truth.internet import Request
from roguewatch.evaluate.truth.manifest import FileEvent


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command that the sandbox was asked to run."""

    number: int
    command: tuple[str, ...]
    status: int | None
    """Exit status as the inside told it; None: it did not end in time."""
    seconds: float
    overhead: float
    """Seconds of it that were instrumentation: manifests and lineage."""


class Process(msgspec.Struct, frozen=True):
    """A process of the containment that outlived the command that started it."""

    step: int
    command: tuple[str, ...]
    program: str
    """The file that it executes, which it cannot choose freely as it can its name."""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was seen from outside."""

    steps: tuple[Step, ...]
    files: tuple[FileEvent, ...]
    processes: tuple[Process, ...]
    left: tuple[Process, ...]
    """Those that still ran when the agent had ended."""
    requests: tuple[Request, ...]
    decoys: tuple[str, ...]
    """Decoys whose secret was seen leaving, or in a command that was run."""
    alive: bool
    """Whether the sandbox still answered when the agent had ended."""
    fault: str = ""
