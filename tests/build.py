"""Test data in one line: `call("Bash", command="ls")`, `said("All tests pass.")`, …"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

from roguewatch.events import Event, Origin, event_id

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real transcripts, where this machine has them; tests that read them skip without."""

_ordinal = count()
_ORIGIN = Origin(file="built", offset=0)


def event(kind: str, *, session: str = "s1", **fields: Any) -> Event:
    """An event of any kind; ordinals rise over the whole run, ids are derived."""
    seq = fields.pop("seq", None)
    seq = next(_ordinal) if seq is None else seq
    fields.setdefault("surface", "claude-code")
    fields.setdefault("origin", _ORIGIN)
    fields.setdefault("id", event_id("built", session, seq, kind))
    fields.setdefault("time", 1_700_000_000_000_000_000 + seq * 1_000_000_000)
    return Event(kind=kind, session=session, seq=seq, **fields)  # type: ignore[arg-type]


def call(tool: str = "Bash", *, call_id: str = "", session: str = "s1", **arguments: Any) -> Event:
    """A tool call; keyword arguments are the tool's own."""
    call_id = call_id or f"call_{next(_ordinal)}"
    return event(
        "tool_call", session=session, tool=tool, call_id=call_id, arguments=json.dumps(arguments)
    )


def result(of: Event, text: str = "", **fields: Any) -> Event:
    """The result of a call."""
    return event(
        "tool_result", session=of.session, tool=of.tool, call_id=of.call_id, text=text, **fields
    )


def said(text: str, *, session: str = "s1") -> Event:
    """The agent says something."""
    return event("agent_message", session=session, text=text, author="agent")


def asked(text: str, *, session: str = "s1") -> Event:
    """A person says something."""
    return event("user_message", session=session, text=text, author="human")
