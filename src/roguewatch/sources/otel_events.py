"""Spans and log records as events of sessions.

A session is the conversation that spans name (`gen_ai.conversation.id`, `session.id`),
or else their trace. What was told of each is in its `Session` (`otel_session.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from roguewatch.events import Event, Origin
from roguewatch.printable import printable
from roguewatch.sources import otel_genai as genai
from roguewatch.sources.conversation import taken_apart
from roguewatch.sources.otel_logs import told_by_log
from roguewatch.sources.otel_names import unknown
from roguewatch.sources.otel_session import Session, Teller, json_of, told
from roguewatch.sources.otel_wire import LogRecord, Span
from roguewatch.sources.source import Counts

_MOST_SESSIONS = 10_000
_MOST_NAMES = 1_000


class Traces:
    """Tells events of export requests, one after another; keeps what was told already.

    Its memory is bounded; what it forgets is told again under the same id, so that a
    ledger drops it.

    Args:
        counts: filled as it goes.
    """

    def __init__(self, counts: Counts | None = None) -> None:
        self.counts = counts if counts is not None else Counts()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._conversations: OrderedDict[str, str] = OrderedDict()
        self._unknown: set[str] = set()

    def events(self, records: Iterable[Span | LogRecord], origin: Origin) -> Iterator[Event]:
        """The events of one export request or file record.

        Args:
            records: its spans and log records.
            origin: where it was read.
        """
        batch = list(records)
        spans = {each.span_id: each for each in batch if isinstance(each, Span)}
        named = [genai.session_of(each.attributes) for each in batch]
        for each, name in zip(batch, named, strict=True):
            if name and each.trace_id:
                self._conversations.setdefault(each.trace_id, name)
        while len(self._conversations) > _MOST_SESSIONS:
            self._conversations.popitem(last=False)
        raw = next((each.raw for each in batch if each.raw), b"")
        self.counts.lines += len(batch)
        sessions: dict[str, Span | LogRecord] = {}
        for each, session in zip(batch, named, strict=True):
            session = session or self._conversations.get(each.trace_id, "") or each.trace_id
            sessions.setdefault(session, each)
            events: list[Event] = []
            self._record(each, session, spans, origin, events)
            for event in events:
                yield event if not raw else msgspec.structs.replace(event, raw=raw)
                raw = b""
        for session, each in sessions.items():
            yield from self._never_run(each, session, origin)

    def _teller(
        self, session: str, origin: Origin, resource: dict[str, Any], events: list[Event]
    ) -> Teller:
        return Teller(session, self.state(session), self.counts, origin, resource, events)

    def _record(
        self,
        record: Span | LogRecord,
        session: str,
        spans: dict[str, Span],
        origin: Origin,
        events: list[Event],
    ) -> None:
        if isinstance(record, LogRecord):
            teller = self._teller(session, origin, record.resource, events)
            _log(teller, record)
            self._unknown_fields(teller, record)
            return
        kind = genai.nature(record)
        if not kind:
            return
        if not session:
            self.counts.malformed += 1
            session = "no-trace"
        teller = self._teller(session, origin, record.resource, events)
        within = kind == "agent" or record.parent_id in spans
        agents = genai.agents_around(record, spans) if within else []
        teller.fields["agent"] = agents[0] if len(agents) > 1 else "main"
        teller.fields["parent_agent"] = "main" if len(agents) == 2 else "".join(agents[1:2])
        teller.fields["model"] = genai.model_of(record.attributes)
        teller.start(record)
        if kind == "tool":
            teller.tool(record)
        elif kind == "other":
            detail = {"operation": record.attributes.get("gen_ai.operation.name") or record.name}
            teller.tell(
                "other",
                (record.trace_id, record.span_id),
                time=record.start,
                detail=json_of(detail),
            )
        else:
            if kind == "agent" and len(agents) > 1:
                teller.tell(
                    "subagent_start",
                    (record.trace_id, record.span_id),
                    time=record.start,
                    text=genai.first(record.attributes, "gen_ai.agent.description"),
                )
            teller.messages(record)
            teller.outcome(record, kind)
        self._unknown_fields(teller, record)

    def _unknown_fields(self, teller: Teller, record: Span | LogRecord) -> None:
        """Counts attributes that are new to this reader; a gap for each name's first."""
        for name in unknown(record.attributes):
            self.counts.unknown_field += 1
            if name not in self._unknown and len(self._unknown) < _MOST_NAMES:
                self._unknown.add(name)
                shown = printable(name, 200)
                teller.tell(
                    "gap",
                    ("unknown_field", name),
                    text=f"the attribute {shown}, which this reader does not know",
                    detail=json_of({"code": "unknown_field", "field": shown}),
                )

    def unanswered(self) -> Iterator[Event]:
        """A gap for each call without a result, when nothing more is to come."""
        for session, state in list(self._sessions.items()):
            waiting, state.waiting = state.waiting, {}
            for call_id, call in waiting.items():
                self.counts.orphan_call += 1
                gaps: list[Event] = []
                teller = self._teller(session, call.origin, {}, gaps)
                teller.fields["agent"] = call.agent
                teller.tell(
                    "gap",
                    (call_id, "unanswered"),
                    time=call.time,
                    text=f"call {printable(call_id, 100)} of {printable(call.tool, 100)} has no "
                    "result in this file",
                    call_id=call_id,
                    detail='{"code":"orphan_call"}',
                )
                yield from gaps

    def state(self, session: str) -> Session:
        """What was told of a session; the longest unheard of is forgotten."""
        state = self._sessions.get(session)
        if state is None:
            state = self._sessions[session] = Session()
            if len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(session)
        return state

    def _never_run(self, record: Span | LogRecord, session: str, origin: Origin) -> Iterator[Event]:
        """Calls without an id that no tool span of the request told of; `record` is the first
        one of its session."""
        state = self._sessions.get(session)
        if state is None or not state.asked:
            return
        asked, state.asked = state.asked, {}
        calls_told: list[Event] = []
        teller = self._teller(session, origin, record.resource, calls_told)
        for calls in asked.values():
            for call in calls:
                teller.tell("tool_call", (call.pop("key"),), **call)
        yield from calls_told


def _log(teller: Teller, record: LogRecord) -> None:
    """The events of a log record."""
    name = record.name
    if name == "gen_ai.client.inference.operation.details":
        span = Span(
            record.trace_id,
            record.span_id,
            "",
            name,
            record.time,
            record.time,
            record.attributes | (record.body if isinstance(record.body, dict) else {}),
            [],
            False,
            "",
            record.resource,
            record.scope,
        )
        teller.fields["model"] = genai.model_of(span.attributes)
        teller.start(span)
        teller.messages(span)
        teller.outcome(span, "inference")
    elif genai.is_message_event(name):
        body = record.body if isinstance(record.body, dict) else {}
        message = genai.message_of_event(name, record.attributes | body)
        said = taken_apart(message)
        key = (record.trace_id, record.span_id, str(record.time))
        for fields in told(message, said):
            teller.tell(key=(fields["text"], *key), time=record.time, **fields)
        for call in said.calls:
            teller.called(call, {"time": record.time})
        for result in said.results:
            teller.answered(result, {"time": record.time})
    else:
        for fields in told_by_log(record):
            teller.tell(**fields)
