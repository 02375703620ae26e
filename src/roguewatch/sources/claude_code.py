"""Claude Code session files: `~/.claude/projects/<folder>/<session>.jsonl` and subagents'.

One JSON object a line. Lines form a tree by `parentUuid` (edits and resumes branch); a
subagent's lines carry `isSidechain` and `agentId`; one API message may be split over
several lines that share `message.id`, so tokens are counted once a message. A resumed
session may copy old lines with their `uuid` under a new `sessionId`: ids leave the
session out, so that the copies count once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.events import Event, Kind, Origin, Usage, event_id
from roguewatch.sources.claude_content import tell_assistant, tell_user
from roguewatch.sources.claude_harness import tell_attachment, tell_progress, tell_system
from roguewatch.sources.claude_lines import Message, SessionLine
from roguewatch.sources.claude_side import is_beside, is_side_file, read_side_file
from roguewatch.sources.claude_stream import NAMING, Stream, StreamLine, is_stream, stream_lines
from roguewatch.sources.claude_stream import TOLD_TYPES as TOLD_IN_STREAM
from roguewatch.sources.claude_vocabulary import OTHER_TYPES, PROGRESS_TYPES, TOLD_TYPES
from roguewatch.sources.drift import understand
from roguewatch.sources.jsonl import first_objects
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.source import Document, Source, environment_path
from roguewatch.sources.tally import Tally
from roguewatch.sources.times import time_of
from roguewatch.sources.values import json_detail, loose_text, tokens

SURFACE = "claude-code"

_NAMING = (b'"sessionId"', b'"leafUuid"', b'"snapshot"')
"""One of these fields stands in every line that a session file is recognised by."""

_LONG = 1 << 20
"""Lines from here on are hashed without being copied."""

_SESSION_ID = re.compile(rb'"sessionId"\s*:\s*"[^"\\]*"')

_FIRST_SESSION = re.compile(rb'"sessionId"\s*:\s*"([^"\\]+)"')


class _Reader:
    """One reading of one session file."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.tally = Tally(document, SURFACE)
        self.counted: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        self.modes: dict[str, str] = {}
        self.started: set[tuple[str, str]] = set()
        self.fired: set[str] = set()
        """Lines that a timer wrote, and what was attached to them: no person's turn follows."""
        self.named, self.naming = "", b""
        """A session, and how its lines name it."""

    def events(self) -> Iterator[Event]:
        decode = msgspec.json.Decoder(SessionLine).decode
        tally, counts = self.tally, self.tally.counts
        # Lines before the first that names the session (snapshots, summaries) are its own.
        named = _FIRST_SESSION.search(self.document.head())
        tally.session = named[1].decode("utf-8", "replace") if named else ""
        for line in lines(self.document):
            counts.lines += 1
            record: SessionLine | None
            try:
                record = decode(line.data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                record, told = understand(line, SessionLine, tally, types_known=TOLD_TYPES)
                yield from told
                if record is None:
                    continue
            yield from self.record(line, record)
        yield from tally.unanswered()

    def stream(self) -> Iterator[Event]:
        """The events of what `--output-format stream-json` printed."""
        self.tally.sighting = "stream"
        decode = msgspec.json.Decoder(StreamLine).decode
        stream = Stream()
        for line in stream_lines(self.document):
            self.tally.counts.lines += 1
            said: StreamLine | None
            try:
                said = decode(line.data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                said, gaps = understand(line, StreamLine, self.tally, types_known=TOLD_IN_STREAM)
                yield from gaps
            if said is not None:
                yield from self.record(line, *stream.line(said))
        yield from self.tally.unanswered()

    def record(
        self, line: Line, record: SessionLine, told: list[dict[str, Any]] | None = None
    ) -> list[Event]:
        """The events of one line.

        Args:
            told: where it is known already, what the line says.
        """
        tally = self.tally
        session = record.sessionId or tally.session
        if not tally.session:
            tally.session = session
        id = self.line_id(line.data, session, record)
        if not tally.first_time(id):
            return []
        common = self.common(record, session)
        common["origin"] = Origin(tally.name, line.offset)
        self.timer(record)
        told = told or self.told(record, common)
        if not told:
            label = ".".join(filter(None, (record.type, record.subtype)))
            return [tally.unknown_type(label, line.offset, line.data, id=record.uuid)]
        made = self.start(record, common)
        mode = self.modes.get(session, "")
        for part, fields in enumerate(told):
            fields.update(common)
            if mode and "permission_mode" not in fields:
                fields["permission_mode"] = mode
            fields["id"] = event_id(id, part) if part else id
            fields["seq"] = tally.next_seq(session)
            fields["part"] = part
            fields["raw"] = b"" if part else line.data
            made.append(Event(**fields))
        made.extend(self.mode_change(record, common, id, len(told)))
        tally.counts.events += len(made)
        return self.join(made)

    def common(self, record: SessionLine, session: str) -> dict[str, Any]:
        """The fields that all events of a line have."""
        agent, parent_agent = "main", ""
        if record.agentId or record.isSidechain:
            agent, parent_agent = record.agentId or "sidechain", "main"
        return {
            "session": session,
            "surface": SURFACE,
            "sighting": self.tally.sighting,
            "time": time_of(record.timestamp),
            "agent": agent,
            "parent_agent": parent_agent,
            "prompt_id": record.promptId or "",
            "parent": record.parentUuid or "",
            "cwd": record.cwd or record.relocatedCwd or "",
        }

    def told(self, record: SessionLine, common: dict[str, Any]) -> list[dict[str, Any]]:
        """What the events of a line say; nothing where its type is unknown."""
        told: list[dict[str, Any]] = []
        match record.type:
            case "assistant":
                self.assistant(told, record.message, record.requestId or "", record)
            case "user":
                tell_user(told, record, common["agent"] != "main", self.tally)
            case "progress":
                self.progress(told, record, common)
            case "system":
                tell_system(told, record)
            case "attachment":
                tell_attachment(told, record)
            case "permission-mode" | "mode":
                mode = record.permissionMode or record.mode or ""
                self.modes[common["session"]] = mode
                told.append({"kind": "permission_mode", "permission_mode": mode})
            case other if other in OTHER_TYPES:
                text = record.summary or loose_text(record.content)
                detail = {"type": other, "operation": record.operation or None, "url": record.prUrl}
                told.append({"kind": "other", "text": text, "detail": json_detail(detail)})
        return told

    def timer(self, record: SessionLine) -> None:
        """Note what a timer fires; the prompt that follows says nothing of it itself."""
        if record.subtype == "scheduled_task_fire":
            self.fired.add(record.uuid)
        elif self.fired and record.parentUuid in self.fired:
            if record.type == "attachment":
                self.fired.add(record.uuid)
            elif record.type == "user":
                record.turnOrigin = "scheduled"

    def line_id(self, data: bytes, session: str, record: SessionLine) -> str:
        """The id of a line: its uuid and all of its bytes but the session id."""
        if session != self.named:
            self.named = session
            self.naming = b'"sessionId":"%b"' % session.encode("utf-8", "surrogatepass")
        at = data.find(self.naming) if session else -1
        end = at + len(self.naming)
        if at < 0 and (found := _SESSION_ID.search(data)):
            at, end = found.span()
        begin = f"{SURFACE}:{record.uuid}:{record.type}:".encode("utf-8", "surrogatepass")
        if at < 0:
            at = end = len(data)
        if len(data) < _LONG:
            # One call over one piece: a line is short, and each call costs as much as a kilobyte.
            digest = sha256(b"".join((begin, data[:at], data[end:])))
        else:
            digest = sha256(begin)
            digest.update(memoryview(data)[:at])
            digest.update(memoryview(data)[end:])
        if not record.uuid:
            digest.update(b":%d" % self.tally.occurrence(digest.digest()))
        return digest.hexdigest()[:32]

    def start(self, record: SessionLine, common: Mapping[str, Any]) -> list[Event]:
        """A session or subagent that this file has not shown before begins."""
        agent, session = common["agent"], common["session"]
        key = (session, agent if agent != "main" else f"main {record.version}")
        # the lines of a stream have no uuid in early versions
        named = record.uuid or self.tally.sighting == "stream"
        if key in self.started or not named or not session:
            return []
        self.started.add(key)
        kind: Kind = "subagent_start"
        name, detail = agent, {"version": record.version}
        if agent == "main":
            kind, name = "session_start", record.version or ""
            detail["entrypoint"] = record.entrypoint
        of = () if self.tally.sighting == "transcript" else (self.tally.sighting,)
        event = Event(
            id=event_id(SURFACE, kind, session, name, *of),
            seq=self.tally.next_seq(session),
            kind=kind,
            detail=json_detail(detail),
            **common,
        )
        return [event]

    def mode_change(
        self, record: SessionLine, common: Mapping[str, Any], id: str, part: int
    ) -> list[Event]:
        """The permission mode that a user's line names, where it is not the one in force."""
        mode, session = record.permissionMode, common["session"]
        if not mode or record.type != "user" or self.modes.get(session) == mode:
            return []
        self.modes[session] = mode
        return [
            Event(
                id=event_id(id, "permission_mode"),
                seq=self.tally.next_seq(session),
                kind="permission_mode",
                permission_mode=mode,
                part=part,
                **common,
            )
        ]

    def join(self, made: list[Event]) -> list[Event]:
        """Count calls against results; an answer without its call is a gap after it."""
        told = made
        for event in made:
            if event.kind == "tool_call":
                self.tally.called(event)
            elif event.kind == "tool_result" and not self.tally.answered(event.call_id):
                told = [*told, self.tally.orphan(event)]
        return told

    def assistant(
        self, told: list[dict[str, Any]], message: Message | None, request: str, record: SessionLine
    ) -> None:
        """A line of the model's answer, with the tokens that it adds."""
        tell_assistant(told, message, request, record, self.tally)
        if message is not None and (usage := self.usage(message, request)) is not None:
            told[0]["usage"] = usage

    def usage(self, message: Message, request: str) -> Usage | None:
        """Tokens of a message that no earlier line of it has counted.

        Lines of one message repeat its usage, the later ones with more output: each
        adds only what is new, so that the sum is the last line's.
        """
        if message.usage is None:
            return None
        said = message.usage
        now = (
            tokens(said.input_tokens),
            tokens(said.output_tokens),
            tokens(said.cache_read_input_tokens),
            tokens(said.cache_creation_input_tokens),
        )
        key = (message.id, request)
        before = self.counted.get(key)
        if before == now:
            return None
        if before is None:
            self.counted[key] = now
            return Usage(*now) if any(now) else None
        self.counted[key] = (
            max(now[0], before[0]),
            max(now[1], before[1]),
            max(now[2], before[2]),
            max(now[3], before[3]),
        )
        new = [max(0, a - b) for a, b in zip(now, before, strict=True)]
        return Usage(*new) if any(new) else None

    def progress(
        self, told: list[dict[str, Any]], record: SessionLine, common: dict[str, Any]
    ) -> None:
        """A hook that runs, output so far, or a subagent's line."""
        data = record.data
        if data is None or data.type not in PROGRESS_TYPES:
            return
        nested = data.message
        if data.type in ("agent_progress", "skill_progress") and nested and nested.message:
            common["agent"] = agent = data.agentId if isinstance(data.agentId, str) else "sidechain"
            common["parent_agent"] = "main"
            inner = SessionLine(
                type=nested.type, message=nested.message, toolUseResult=nested.toolUseResult
            )
            if nested.type == "assistant":
                self.assistant(told, nested.message, nested.requestId, inner)
            else:
                tell_user(told, inner, True, self.tally)
            seen_in = json_detail({"type": data.type, "uuid": nested.uuid, "agent": agent})
            for fields in told:
                fields.setdefault("detail", seen_in)
            return
        tell_progress(told, record, data)


def _recognise(head: bytes) -> bool:
    """A line with the envelope of a session file, or a side file of a session."""
    if not any(name in head for name in _NAMING):
        return is_side_file(head) or (NAMING in head and is_stream(head))
    for fields in first_objects(head):
        kind = fields.get("type")
        if kind in ("user", "assistant", "system", "progress", "attachment"):
            if isinstance(fields.get("sessionId"), str) and ("uuid" in fields or "cwd" in fields):
                return True
        elif (
            (kind == "summary" and "leafUuid" in fields)
            or (kind == "file-history-snapshot" and "snapshot" in fields)
            or (
                kind in (*OTHER_TYPES, "permission-mode", "mode")
                and isinstance(fields.get("sessionId"), str)
            )
        ):
            return True
    return is_side_file(head) or is_stream(head)


def _read(document: Document) -> Iterator[Event]:
    head = document.head()
    if is_side_file(head):
        return read_side_file(document)
    reader = _Reader(document)
    return reader.stream() if NAMING in head and is_stream(head) else reader.events()


def _places(environment: Mapping[str, str], home: Path) -> list[Path]:
    root = environment_path(environment, "CLAUDE_CONFIG_DIR", home / ".claude")
    places = [root / "projects"]
    if "CLAUDE_CONFIG_DIR" not in environment:
        config = environment_path(environment, "XDG_CONFIG_HOME", home / ".config")
        places.append(config / "claude" / "projects")
    return places


source = Source(
    name=SURFACE,
    title="Claude Code session files (JSONL), subagents and side files included",
    recognise=_recognise,
    read=_read,
    places=_places,
    beside=is_beside,
)
