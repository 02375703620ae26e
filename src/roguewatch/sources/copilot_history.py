"""Copilot CLI sessions before 1.0: `~/.copilot/history-session-state/session_<id>_<n>.json`.

One JSON object that is written anew as the session grows: `sessionId`, `startTime`,
`chatMessages` (chat completions) and `timeline` (what the terminal showed, with times).
The messages are told; the timeline gives the times of prompts and calls, and says which
calls were refused. Ids rest on what is said, so that a longer copy adds only what is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec

from roguewatch.events import Event, Origin
from roguewatch.sources import conversation
from roguewatch.sources.json_items import Item, items
from roguewatch.sources.prompts import author_of_prompt
from roguewatch.sources.repair import decode
from roguewatch.sources.source import Document
from roguewatch.sources.telling import Telling
from roguewatch.sources.times import time_of
from roguewatch.sources.values import json_detail

_SURFACE = "copilot-cli"
_ARRAYS = ("chatMessages", "timeline")
EXIT = re.compile(
    r"<exited with exit code (-?\d{1,10})>|<shellId: \S+ completed with exit code (-?\d{1,10})>"
)
"""How the output of a shell ends."""
_REFUSED = {"rejected": "human", "denied": "policy"}


class _Entry(msgspec.Struct):
    """One entry of the timeline, as far as it is read."""

    type: Any = ""
    timestamp: Any = None
    callId: Any = ""  # noqa: N815
    result: Any = None


def is_history(head: bytes) -> bool:
    """Whether a file begins as such a session does."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" or b'"sessionId"' not in head:
        return False
    keys = {item.key for item in items(BytesIO(head), _ARRAYS)}
    return "sessionId" in keys and bool(keys & set(_ARRAYS)) and "startTime" in keys


def read_history(document: Document) -> Iterator[Event]:
    """The events of one session."""
    about: dict[str, Any] = {}
    messages: list[Item] = []
    entries: list[_Entry] = []
    lost: list[Item] = []
    with document.open() as stream:
        for item in items(stream, _ARRAYS):
            document.counts.lines += item.index >= 0
            if item.data is None or not item.complete:
                lost.append(item)
            elif item.key == "chatMessages" and item.index >= 0:
                messages.append(item)
            elif item.key == "timeline" and item.index >= 0:
                entries.append(_loose(item.data))
            else:
                about[item.key] = _value(item.data)
    telling = Telling(
        _SURFACE, _text(about.get("sessionId")), document.counts,
        model=_text(about.get("selectedModel")),
    )  # fmt: skip
    started = time_of(about.get("startTime"))
    yield telling.tell("session_start", Origin(document.name, 0), key="start", time=started)
    times = _Times(entries, started)
    for item in messages:
        origin = Origin(document.name, item.offset)
        for event in _message(telling, item.data or b"", origin, times):
            yield event
            if event.kind == "tool_result" and (by := times.refused.get(event.call_id)):
                detail = json_detail({"decision": "deny", "by": by})
                yield telling.tell(
                    "approval", origin, tool=event.tool, call_id=event.call_id, detail=detail,
                    time=event.time,
                )  # fmt: skip
    for item in lost:
        code, reason = item.fault
        setattr(document.counts, code, getattr(document.counts, code) + 1)
        yield telling.gap(code, reason, Origin(document.name, item.offset), raw=item.data or b"")
    yield from telling.orphans()


class _Times:
    """When what was said was said, by the timeline.

    Args:
        entries: the timeline.
        started: when the session began.
    """

    def __init__(self, entries: list[_Entry], started: int | None) -> None:
        self.now = started
        """The time of what was told last."""
        self._prompts = [time_of(each.timestamp) for each in entries if each.type == "user"]
        calls = [each for each in entries if isinstance(each.callId, str) and each.callId]
        self._calls = {each.callId: time_of(each.timestamp) for each in calls}
        self.refused = {
            each.callId: _REFUSED[kind]
            for each in calls
            if isinstance(each.result, dict)
            and (kind := _text(each.result.get("type"))) in _REFUSED
        }
        """Calls that were refused, with who did."""

    def of(self, message: dict[str, Any], role: str) -> int | None:
        """The time of a message: its own in the timeline, else that of the one before."""
        when = None
        if role == "user" and self._prompts:
            when = self._prompts.pop(0)
        elif role == "tool":
            when = self._calls.get(_text(message.get("tool_call_id")))
        self.now = max(filter(None, (self.now, when)), default=None)
        return self.now


def _message(telling: Telling, data: bytes, origin: Origin, times: _Times) -> Iterator[Event]:
    try:
        message = decode(data, dict[str, Any])
    except msgspec.DecodeError:
        telling.counts.malformed += 1
        yield telling.gap("malformed", "a message that is no JSON object", origin, raw=data)
        return
    role = conversation.role_of(message)
    author = author_of_prompt(conversation.taken_apart(message).text) if role == "user" else ""
    when = times.of(message, role)
    for event in conversation.tell(telling, message, origin, data, user=author, time=when):
        found = EXIT.search(event.text[-200:]) if event.kind == "tool_result" else None
        if found:
            status = int(found[1] or found[2])
            event = msgspec.structs.replace(event, exit_status=status, failed=status != 0)
        yield event


def _loose(data: bytes) -> _Entry:
    try:
        return decode(data, _Entry)
    except msgspec.DecodeError:
        return _Entry()


def _value(data: bytes) -> Any:
    try:
        return decode(data, object)
    except msgspec.DecodeError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
