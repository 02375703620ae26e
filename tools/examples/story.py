"""A story: what was said and done in one session, told once and written in any format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal


@dataclass(frozen=True)
class Turn:
    """One thing that happened. `after` is seconds since the one before."""

    kind: Literal["user", "say", "think", "call", "mode"]
    text: str = ""
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    exit: int = 0
    after: float = 6.0


@dataclass(frozen=True)
class Story:
    """One session."""

    name: str
    start: datetime
    cwd: str
    model: str
    version: str
    turns: tuple[Turn, ...]
    mode: str = "default"

    def id(self, *parts: object) -> str:
        """A stable identifier with the shape of a UUID."""
        digits = sha256("/".join(map(str, (self.name, *parts))).encode()).hexdigest()
        return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"

    def short(self, *parts: object) -> str:
        """A stable identifier without dashes."""
        return self.id(*parts).replace("-", "")[:24]

    def timed(self) -> list[tuple[datetime, Turn]]:
        """Each turn with its time."""
        moment, timed = self.start, []
        for turn in self.turns:
            moment += timedelta(seconds=turn.after)
            timed.append((moment, turn))
        return timed


def at(day: int, clock: str) -> datetime:
    """A moment in the example's week, November 2026, UTC."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds, as most agents write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def user(text: str, after: float = 45) -> Turn:
    """A person says something."""
    return Turn("user", text, after=after)


def say(text: str, after: float = 5) -> Turn:
    """The agent says something."""
    return Turn("say", text, after=after)


def think(text: str, after: float = 4) -> Turn:
    """The agent's reasoning."""
    return Turn("think", text, after=after)


def shell(command: str, output: str = "", exit: int = 0, after: float = 7) -> Turn:
    """The agent runs a command."""
    return Turn(
        "call", tool="shell", arguments={"command": command}, output=output, exit=exit, after=after
    )


def reads(path: str, output: str, after: float = 4) -> Turn:
    """The agent reads a file."""
    return Turn("call", tool="read", arguments={"path": path}, output=output, after=after)


def edits(path: str, old: str, new: str, after: float = 12) -> Turn:
    """The agent changes a file."""
    return Turn(
        "call", tool="edit", arguments={"path": path, "old": old, "new": new},
        output=f"The file {path} has been updated.", after=after,
    )  # fmt: skip


def fetches(url: str, output: str, after: float = 6) -> Turn:
    """The agent fetches a page."""
    return Turn("call", tool="fetch", arguments={"url": url}, output=output, after=after)
