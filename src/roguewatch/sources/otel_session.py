"""Events of one session, told from spans and log records.

Every inference span repeats the history of its conversation: a message is one event however
often it is sent, for its id is bound to the session, what it says, and its occurrence within
the one history. A tool call is told by the reply that asks for it and by the span that runs
it: one event, under its call id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from roguewatch.events import Event, Kind, Origin, event_id
from roguewatch.sources import otel_genai as genai
from roguewatch.sources.conversation import role_of, taken_apart
from roguewatch.sources.otel_wire import Span
from roguewatch.sources.provider_items import Said
from roguewatch.sources.source import Counts
from roguewatch.sources.telling import canonical

_MOST_SEEN = 200_000


class Session:
    """What has been told of one session."""

    def __init__(self) -> None:
        self.seq = 0
        self.started = False
        self.seen: set[str] = set()
        self.called: dict[str, str] = {}
        """Tool by call id."""
        self.waiting: dict[str, Event] = {}
        """Calls, by id, that nothing has answered."""
        self.answered: set[str] = set()
        self.asked: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """Calls without an id, by tool and arguments, until a span tells of them."""


class Teller:
    """Tells events of one session from one record, to the end of a list.

    Args:
        session: its name.
        state: what was told of it.
        counts: filled as it goes.
        origin: where the record was read.
        resource: what its resource says.
        events: the list.
    """

    def __init__(
        self,
        session: str,
        state: Session,
        counts: Counts,
        origin: Origin,
        resource: dict[str, Any],
        events: list[Event],
    ) -> None:
        self.session = session
        self.fields: dict[str, Any] = {}
        """Of every event told."""
        self._state = state
        self._counts = counts
        self._origin = origin
        self._resource = resource
        self._events = events
        self._part = 0

    def tell(
        self, kind: Kind, key: Iterable[str], *, surface: str = "otel", **fields: Any
    ) -> Event | None:
        """One event, unless it was told before; `key` is what its id stands for."""
        id = event_id("otel", self.session, kind, *key)
        state = self._state
        if id in state.seen:
            return None
        if len(state.seen) < _MOST_SEEN:
            state.seen.add(id)
        self._counts.events += 1
        event = Event(
            id=id,
            session=self.session,
            seq=state.seq,
            kind=kind,
            surface=surface,
            sighting="otel",
            origin=self._origin,
            part=self._part,
            **(self.fields | fields),
        )
        state.seq += 1
        self._part += 1
        self._events.append(event)
        return event

    def start(self, span: Span) -> None:
        """The session's start, with its first span."""
        if self._state.started:
            return
        self._state.started = True
        attributes = span.attributes
        detail = {
            "service": self._resource.get("service.name"),
            "version": attributes.get("gen_ai.agent.version")
            or self._resource.get("service.version"),
            "agent": attributes.get("gen_ai.agent.name"),
            "scope": span.scope,
            "sdk": self._resource.get("telemetry.sdk.version"),
        }
        detail = {key: value for key, value in detail.items() if value}
        self.tell("session_start", (), time=span.start, detail=json_of(detail))

    def messages(self, span: Span) -> None:
        """The messages of an inference or agent span that were not told before."""
        occurrences: dict[tuple[str, ...], int] = {}
        request_id = genai.first(span.attributes, "gen_ai.response.id")
        for message, output in genai.messages_of(span):
            said = taken_apart(message)
            common: dict[str, Any] = {"time": span.end if output else span.start}
            if output:
                common["request_id"] = request_id
            for kind in said.unknown:
                self._counts.unknown_type += 1
                self.tell(
                    "gap",
                    (kind,),
                    text=f"a message part of type {kind!r}",
                    detail='{"code":"unknown_type"}',
                    **common,
                )
            for fields in told(message, said):
                key = (fields["kind"], fields["text"])
                number = occurrences.get(key, 0)
                occurrences[key] = number + 1
                self.tell(key=(fields["text"], str(number)), **fields, **common)
            for call in said.calls:
                self._asked(call, span, common)
            for result in said.results:
                self.answered(result, common)

    def _asked(self, call: dict[str, str], span: Span, common: dict[str, Any]) -> None:
        if call["call_id"]:
            self.called(call, common)
            return
        key = (call["tool"], canonical(call["arguments"]))
        place = event_id(span.trace_id, span.span_id, *key)
        fields = common | call | self.fields | {"key": place, "author": "agent"}
        self._state.asked.setdefault(key, []).append(fields)

    def called(self, call: dict[str, str], common: dict[str, Any]) -> None:
        """A call that has an id, unless it was told with more than its name before."""
        call_id, state = call["call_id"], self._state
        if call_id in state.called and call["arguments"] == "{}":
            return
        state.called[call_id] = call["tool"]
        key = (call_id, call["tool"], canonical(call["arguments"]))
        event = self.tell("tool_call", key, author="agent", **call, **common)
        if event is not None and call_id not in state.answered:
            state.waiting[call_id] = event

    def answered(self, result: dict[str, Any], common: dict[str, Any]) -> None:
        """A call's result; a gap besides where nobody told of the call."""
        call_id, state = result["call_id"], self._state
        if call_id in state.answered:
            return
        if call_id:
            state.answered.add(call_id)
            state.waiting.pop(call_id, None)
        result["tool"] = result["tool"] or state.called.get(call_id, "")
        self.tell("tool_result", (call_id, result["text"]), author="tool", **result, **common)
        if call_id not in state.called:
            self._counts.orphan_call += 1
            self.tell(
                "gap",
                (call_id, "orphan"),
                text="a result without the call that it answers",
                call_id=call_id,
                detail='{"code":"orphan_call"}',
                **common,
            )

    def tool(self, span: Span) -> None:
        """The call that a tool span ran, and what came of it."""
        call = genai.tool_of(span)
        if self._state.asked:
            # a reply may name the tool alone: some writers leave the arguments to the span
            for arguments in (canonical(call["arguments"]), "{}"):
                if waiting := self._state.asked.get((call["tool"], arguments)):
                    waiting.pop(0)
                    break
        call["call_id"] = call["call_id"] or span.span_id
        self.called(call, {"time": span.start})
        error = genai.first(span.attributes, "error.type") or ("error" if span.failed else "")
        text = genai.tool_result_of(span)
        failed = bool(error)
        detail = json_of({"error": error, "message": span.message}) if failed else ""
        result = {"tool": call["tool"], "call_id": call["call_id"], "text": text, "failed": failed}
        self.answered(result, {"time": span.end, "detail": detail})

    def outcome(self, span: Span, kind: str) -> None:
        """Tokens and failure of an inference or agent span."""
        place = (span.trace_id, span.span_id)
        usage = genai.usage_of(span.attributes)
        if usage is not None and kind == "inference":
            request_id = genai.first(span.attributes, "gen_ai.response.id")
            self.tell("usage", place, time=span.end, usage=usage, request_id=request_id)
        error = genai.first(span.attributes, "error.type")
        if span.failed or error:
            event = "model_error" if kind == "inference" else "agent_error"
            self.tell(
                "other",
                (*place, "error"),
                time=span.end,
                text=span.message,
                failed=True,
                detail=json_of({"event": event, "error": error}),
            )


def told(message: dict[str, Any], said: Said) -> Iterator[dict[str, Any]]:
    """Event fields of a message's reasoning and text."""
    for text in said.reasoning:
        yield {"kind": "reasoning", "text": text, "author": "agent"}
    role = role_of(message)
    if role == "system" and said.text:
        yield {"kind": "system_message", "text": said.text}
    elif role == "user" and said.text:
        yield {"kind": "user_message", "text": said.text}
    elif role == "assistant" and said.text:
        yield {"kind": "agent_message", "text": said.text, "author": "agent"}
    elif role == "":
        shown = str(message.get("role"))[:80]
        yield {
            "kind": "gap",
            "text": f"a message of role {shown!r}",
            "detail": '{"code":"unknown_type"}',
        }


def json_of(detail: dict[str, Any]) -> str:
    """JSON text for `Event.detail`."""
    return msgspec.json.encode(detail).decode("utf-8", "replace")
