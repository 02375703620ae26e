"""Files that Claude Code keeps beside its session files.

`history.jsonl` (what was typed at the prompt, over all sessions), a subagent's
`agent-<id>.meta.json` and the journal of a workflow's agents. What they say also stands in
the session files, so their events are of kind `other`: nothing is counted twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.events import Event, Origin
from roguewatch.sources.drift import understand
from roguewatch.sources.jsonl import first_objects
from roguewatch.sources.lines import lines
from roguewatch.sources.source import Document
from roguewatch.sources.tally import Tally
from roguewatch.sources.times import time_of

_SURFACE = "claude-code"
_META = {
    "agentType",
    "description",
    "worktreePath",
    "parentAgentId",
    "name",
    "toolUseId",
    "spawnDepth",
}
_JOURNAL = {"type", "key", "agentId", "result"}


class _Side(msgspec.Struct, forbid_unknown_fields=True):
    display: str = ""
    pastedContents: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    timestamp: Any = None
    project: str = ""
    sessionId: str = ""  # noqa: N815
    agentType: str = ""  # noqa: N815
    description: str = ""
    worktreePath: str = ""  # noqa: N815
    parentAgentId: str | None = ""  # noqa: N815
    toolUseId: str | None = ""  # noqa: N815
    name: str | None = ""
    spawnDepth: Any = None  # noqa: N815
    type: str = ""
    key: str = ""
    agentId: str = ""  # noqa: N815
    result: msgspec.Raw = msgspec.Raw(b"")


def is_side_file(head: bytes) -> bool:
    """Whether the file is a prompt history, a subagent's metadata or a workflow's journal."""
    for fields in first_objects(head, 2):
        if "display" in fields and "project" in fields and "timestamp" in fields:
            return True
        if fields.get("type") in ("started", "result") and set(fields) <= _JOURNAL:
            return isinstance(fields.get("agentId"), str) and "key" in fields
        return isinstance(fields.get("agentType"), str) and set(fields) <= _META
    return False


def is_beside(path: Path) -> bool:
    """Whether a file lies where Claude Code keeps what is no activity: large outputs (whose
    text stands, cut, in the transcript, which names the file), notes, an index of sessions."""
    folder = path.parent
    if folder.name in ("tool-results", "session-memory"):
        session = folder.parent
        return (
            session.with_name(f"{session.name}.jsonl").exists() or (session / "subagents").exists()
        )
    if path.name == "sessions-index.json" or (folder.name == "memory" and path.suffix == ".md"):
        project = folder if path.name == "sessions-index.json" else folder.parent
        return next(project.glob("*.jsonl"), None) is not None
    return False


def _session_by_place(path: Path) -> str:
    """The session whose subagents' folder a file lies in; empty elsewhere. Its id is then not
    bound to the place: a copy that lies elsewhere is the same."""
    folder = path.parent
    return folder.parent.name if folder.name == "subagents" else ""


def read_side_file(document: Document) -> Iterator[Event]:
    """One `other` event a line."""
    tally = Tally(document, _SURFACE)
    decoder = msgspec.json.Decoder(_Side)
    for line in lines(document):
        tally.counts.lines += 1
        said: _Side | None
        try:
            said = decoder.decode(line.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said, gaps = understand(line, _Side, tally)
            yield from gaps
        if said is None:
            continue
        id = tally.line_id(said.sessionId, line.data)
        session = said.sessionId or _session_by_place(document.path)
        tally.counts.events += 1
        yield Event(
            id=id,
            session=session,
            seq=tally.next_seq(session),
            kind="other",
            surface=_SURFACE,
            time=time_of(said.timestamp),
            text=said.display or said.description,
            cwd=said.project,
            detail=json.dumps({"type": said.type or ("history" if said.display else "agent-meta")}),
            raw=line.data,
            origin=Origin(tally.name, line.offset),
        )
