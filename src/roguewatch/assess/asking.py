"""What an assessment is asked for: its window, what it is compared with, which questions."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time. Both ends are ns UTC; the end is not included."""

    name: str
    since: int | None = None
    """Sessions that ended before do not count."""
    until: int | None = None
    """Sessions that began at or after do not count, and facts are as they stood then."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one assessment is asked for besides the paths and the store."""

    window: Period = Period(name="")
    """What is assessed."""
    periods: tuple[Period, ...] = ()
    """Periods with names; each is put beside the window."""
    reports: tuple[Path, ...] = ()
    """Earlier `assessment.json` files, or stores, to put beside it."""
    entities: tuple[tuple[str, Path], ...] = ()
    """Other entities, each by the store that it keeps."""
    questionnaires: tuple[Path, ...] = ()
    """Questionnaires to answer besides our own."""
    safety_case: Path | None = None
    """Template of the safety case; None: the control safety case."""
    assessor: Path | None = None
    """What the assessor declares of independence."""
