"""SWE-agent trajectories (`.traj`), from the first release (2024) to 1.1.

One JSON object: `trajectory` (steps: thought, action, observation, state), `history`
(the messages as the model saw them, which tell every step a second time), `info`
(exit status, submission, token counts). Steps give calls and results; the history
gives what came before the first step, what came between steps that is no observation,
and, in function-calling form, each call's own name, arguments and id. A file with
history alone (a demonstration) is told from that. Runs of mini-swe-agent hold `messages`
(`sources.mini_swe_agent`).
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event, Origin, Usage, event_id
from roguewatch.sources import conversation, mini_swe_agent
from roguewatch.sources.json_items import items
from roguewatch.sources.repair import decode
from roguewatch.sources.source import Document, Source
from roguewatch.sources.telling import Telling, as_arguments, compact

_ARRAYS = ("trajectory", "history", "messages")
_STEP_FIELDS = frozenset(
    """action observation response thought state execution_time messages query extra_info""".split()
)
_HISTORY_FIELDS = frozenset(
    """role content agent message_type action thought tool_calls tool_call_ids is_demo tags
    cache_control thinking_blocks""".split()
)
_MOST_DETAIL = 256 << 10


class _Record(msgspec.Struct, frozen=True):
    """A step or a message, with where it stands."""

    value: dict[str, Any]
    raw: bytes
    origin: Origin


def recognise(head: bytes) -> bool:
    """An object with steps, or with a history that names agents."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    for item in items(BytesIO(head), _ARRAYS):
        data = item.data or b""
        if item.key == "info" and mini_swe_agent.recognise(data):
            return True
        if item.key == "trajectory_format":
            return b"mini-swe-agent" in data
        if item.key == "trajectory" and item.index == 0:
            return b'"action"' in data and (b'"observation"' in data or not item.complete)
        if item.key == "history" and item.index == 0:
            return b'"role"' in data and (b'"agent"' in data or b'"message_type"' in data)
        if item.key in ("messages", "spans", "samples", "eval"):
            return False
    return False


def read(document: Document) -> Iterator[Event]:
    """The events of the run."""
    return _Reading(document).events()


class _Reading:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._counts = document.counts
        self._steps: list[_Record] = []
        self._history: list[_Record] = []
        self._messages: list[_Record] = []
        self._about: dict[str, Any] = {}
        self._unread: list[tuple[str, str, int, bytes]] = []

    def events(self) -> Iterator[Event]:
        self._load()
        if not self._steps and not self._history and not self._messages:
            raise SourceError(f"{self._document.name}: a trajectory without steps or history")
        telling = Telling("swe-agent", self._session(), self._counts)
        start = Origin(self._document.name, 0)
        yield telling.tell("session_start", start, key="start", detail=self._detail())
        for code, reason, offset, raw in self._unread:
            yield telling.gap(code, reason, Origin(self._document.name, offset), raw=raw)
        if self._steps:
            yield from self._told_by_steps(telling)
        elif self._history:
            yield from self._told_by_history(telling)
        else:
            messages = mini_swe_agent.Messages(telling)
            for record in self._messages:
                yield from messages.tell(record.value, record.origin, record.raw)
        yield from telling.orphans()
        yield from self._end(telling, start)

    def _load(self) -> None:
        with self._document.open() as stream:
            for item in items(stream, _ARRAYS):
                if item.data is None or not item.complete:
                    code, reason = item.fault
                    self._gap(code, f"{item.key}: {reason}", item.offset, item.data or b"")
                elif item.key in _ARRAYS and item.index >= 0:
                    self._record(item.key, item.offset, item.data)
                else:
                    try:
                        self._about[item.key] = decode(item.data, object)
                    except msgspec.DecodeError as error:
                        self._gap("malformed", f"{item.key}: {error}", item.offset, item.data)

    def _record(self, key: str, offset: int, data: bytes) -> None:
        self._counts.lines += 1
        try:
            value = decode(data, dict[str, Any])
        except msgspec.DecodeError as error:
            self._gap("malformed", f"an item of {key}: {error}", offset, data)
            return
        record = _Record(value, data, Origin(self._document.name, offset))
        if key == "messages":
            self._messages.append(record)
            return
        known = _STEP_FIELDS if key == "trajectory" else _HISTORY_FIELDS
        self._counts.unknown_field += sum(1 for field in value if field not in known)
        (self._steps if key == "trajectory" else self._history).append(record)

    def _gap(self, code: str, reason: str, offset: int, raw: bytes) -> None:
        setattr(self._counts, code, getattr(self._counts, code) + 1)
        self._unread.append((code, reason, offset, raw))

    def _session(self) -> str:
        """From what does not change as the run goes on: its task and its first step."""
        opening = [str(self._about.get("environment", "")), _text(self._about.get("instance_id"))]
        for record in self._history or self._messages:
            opening.append(compact(record.raw.decode("utf-8", "replace")))
            if _is_turn(record.value):
                break
        if self._steps:
            # with its execution time, which two runs of one task do not share
            opening.append(compact(self._steps[0].raw.decode("utf-8", "replace")))
        return event_id("swe-agent", *opening)

    def _detail(self) -> str:
        kept = {
            key: value
            for key, value in self._about.items()
            if key not in ("info", "replay_config") and isinstance(value, str | int | dict)
        }
        data = msgspec.json.encode(kept)
        return data.decode() if len(data) <= _MOST_DETAIL else "{}"

    # -- told by steps --

    def _told_by_steps(self, telling: Telling) -> Iterator[Event]:
        place = 0
        before: dict[str, Any] | None = None
        for step in self._steps:
            turn = place
            while turn < len(self._history) and not _is_turn(self._history[turn].value, step.value):
                turn += 1
            said: _Record | None = None
            if turn < len(self._history):
                said = self._history[turn]
                for record in self._history[place:turn]:
                    yield from self._between(telling, record, before)
                place = turn + 1
            yield from self._step(telling, step, said)
            before = step.value if said else before
        for record in self._history[place:]:
            yield from self._between(telling, record, before)

    def _between(
        self, telling: Telling, record: _Record, before: dict[str, Any] | None
    ) -> Iterator[Event]:
        """A message of the history that no step tells; `before`: the step that it follows."""
        value = record.value
        role = conversation.role_of(value)
        if before is not None and not value.get("is_demo") and role in ("tool", "user"):
            observation = _text(before.get("observation")).strip()
            content = _text(value.get("content"))
            if role == "tool" or not observation or observation[:2000] in content:
                return
        yield from self._message(telling, record)

    def _step(self, telling: Telling, step: _Record, said: _Record | None) -> Iterator[Event]:
        value = step.value
        thought = _text(value.get("thought", value.get("response"))).strip()
        action = _text(value.get("action"))
        common: dict[str, Any] = {"cwd": _cwd(value.get("state"))}
        agent = _text(said.value.get("agent")) if said else ""
        common["agent"] = "main" if agent in ("", "main", "primary") else agent
        raw = step.raw
        if thought:
            yield telling.tell(
                "agent_message", step.origin, text=thought, author="agent", raw=raw, **common
            )
            raw = b""
        calls = _calls(said.value if said else {}, action)
        for number, call in enumerate(calls, 1):
            yield telling.call(
                step.origin,
                author="agent",
                part=number if thought else number - 1,
                raw=b"" if thought or number > 1 else raw,
                **call,
                **common,
            )
        observation = _text(value.get("observation"))
        part = len(calls) + bool(thought)
        for number, call in enumerate(calls):
            # several calls in one step share its observation
            text = observation if number == len(calls) - 1 else ""
            result, _ = telling.result(
                step.origin,
                call_id=call["call_id"],
                text=text,
                author="tool",
                part=part + number,
                **common,
            )
            yield result
        if not calls and observation:
            yield telling.tell(
                "user_message", step.origin, text=observation, author="harness", part=part, **common
            )

    # -- told by history --

    def _told_by_history(self, telling: Telling) -> Iterator[Event]:
        waiting: list[str] = []
        for record in self._history:
            value = record.value
            role = conversation.role_of(value)
            if role == "assistant":
                calls = _calls(value, _text(value.get("action")))
                yield from self._turn(telling, record, calls)
                waiting = [event.call_id for event in telling.waiting()]
            elif waiting and (role == "tool" or value.get("message_type") == "observation"):
                ids = value.get("tool_call_ids") or waiting
                for number, call_id in enumerate(ids if isinstance(ids, list) else waiting):
                    result, _ = telling.result(
                        record.origin,
                        call_id=_text(call_id).strip(),
                        text=_text(value.get("content")) if not number else "",
                        author="tool",
                        part=number,
                        raw=b"" if number else record.raw,
                    )
                    yield result
                waiting = []
            else:
                yield from self._message(telling, record)

    def _turn(
        self, telling: Telling, record: _Record, calls: list[dict[str, str]]
    ) -> Iterator[Event]:
        text = _text(record.value.get("thought") or record.value.get("content"))
        yield telling.tell(
            "agent_message", record.origin, text=text, author="agent", raw=record.raw
        )
        for number, call in enumerate(calls, 1):
            yield telling.call(record.origin, author="agent", part=number, **call)

    def _message(self, telling: Telling, record: _Record) -> Iterator[Event]:
        value = record.value
        demonstration = bool(value.get("is_demo"))
        role = conversation.role_of(value)
        fields: dict[str, Any] = {"text": _text(value.get("content")), "raw": record.raw}
        if demonstration:
            fields["detail"] = '{"demonstration":true}'
        if role == "system":
            yield telling.tell("system_message", record.origin, author="harness", **fields)
        elif role == "user" and not demonstration:
            yield telling.tell("user_message", record.origin, author="task", **fields)
        elif role == "assistant" and not demonstration:
            yield telling.tell("agent_message", record.origin, author="agent", **fields)
        elif demonstration:
            yield telling.tell("system_message", record.origin, author="harness", **fields)
        else:
            self._counts.unknown_type += 1
            reason = f"a message of role {_text(value.get('role'))!r}"
            yield telling.gap("unknown_type", reason, record.origin, raw=record.raw)

    def _end(self, telling: Telling, origin: Origin) -> Iterator[Event]:
        info = self._about.get("info")
        if not isinstance(info, dict) or "exit_status" not in info:
            return
        stats = info.get("model_stats")
        usage = None
        if isinstance(stats, dict):
            sent, received = stats.get("tokens_sent"), stats.get("tokens_received")
            if isinstance(sent, int) and isinstance(received, int):
                usage = Usage(input=max(sent, 0), output=max(received, 0))
        kept = {key: value for key, value in info.items() if not key.startswith("edited_files")}
        data = msgspec.json.encode(kept)
        if len(data) > _MOST_DETAIL:
            data = msgspec.json.encode({"exit_status": info.get("exit_status")})
        yield telling.tell("session_end", origin, detail=data.decode(), usage=usage)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (each.get("text") for each in value if isinstance(each, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return "" if value is None else str(value)


def _is_turn(message: dict[str, Any], step: dict[str, Any] | None = None) -> bool:
    """Whether a message of the history is the model's turn (of that step)."""
    if message.get("role") != "assistant" or message.get("is_demo"):
        return False
    if step is None:
        return True
    return _text(message.get("action")).strip() == _text(step.get("action")).strip()


def _calls(message: dict[str, Any], action: str) -> list[dict[str, str]]:
    """Calls in function-calling form, or else the action as a shell command."""
    calls = message.get("tool_calls")
    found = [conversation.call_of(call) for call in calls or () if isinstance(call, dict)]
    if not found and action.strip():
        found = [{"tool": "bash", "call_id": "", "arguments": as_arguments({"command": action})}]
    return found


def _cwd(state: Any) -> str:
    """Working directory of a step's state, an object or (before 1.0) its JSON text."""
    if isinstance(state, str):
        try:
            state = msgspec.json.decode(state)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return ""
    found = state.get("working_dir") if isinstance(state, dict) else ""
    return found if isinstance(found, str) and found != "n/a" else ""


source = Source(
    name="swe-agent",
    title="SWE-agent trajectories (.traj), 0.x and 1.x, and runs of mini-swe-agent",
    recognise=recognise,
    read=read,
)
