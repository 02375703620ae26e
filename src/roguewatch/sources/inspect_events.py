"""One sample of an Inspect log as events.

The final conversation (`messages`) gives the messages and tool calls; the transcript
(`events`) gives times, usage, approvals, sandbox processes, scores and what the final
conversation does not hold: generations of subagents, messages that a solver trimmed.
Both are told as one sequence: when the transcript comes to the generation of a
message, the conversation is told up to that message. Where `messages` is empty the
conversation is rebuilt from the transcript.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from roguewatch.events import Event
from roguewatch.sources.inspect_messages import Bytes, Conversation, Heard, Located
from roguewatch.sources.inspect_records import (
    INTERNAL,
    KINDS,
    described,
    request_id_of,
    sandboxed,
    usage_of,
)
from roguewatch.sources.inspect_sample import Attachments, Output, Record, Sample, expand
from roguewatch.sources.inspect_spans import Spans
from roguewatch.sources.repair import decode
from roguewatch.sources.source import Counts
from roguewatch.sources.telling import Telling, as_arguments
from roguewatch.sources.times import time_of

_RECORD: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_MOST_RAW = 1 << 20
"""A transcript record larger than this (a generation with its whole input) keeps its
place but not its bytes; its messages keep theirs."""


class SampleReading:
    """Tells one sample.

    Args:
        sample: decoded.
        source: its bytes.
        telling: of its session.
        counts: of the reading.
    """

    def __init__(self, sample: Sample, source: Bytes, telling: Telling, counts: Counts) -> None:
        held = sample.attachments or (sample.transcript.content if sample.transcript else {})
        self._sample = sample
        self._attachments = Attachments(held)
        self._telling = telling
        self._counts = counts
        self._located = Located(source)
        self._pool = sample.pool()
        self._spans = Spans()
        self._known: set[tuple[str, ...]] = set()
        self._tools: dict[str, Record] = {}
        self._conversation = Conversation(telling, counts, self._attachments, source, self._tools)

    def events(self) -> Iterator[Event]:
        """The sample's events between its start and its end."""
        sample = self._sample
        hear = self._conversation.hear
        messages = [hear(raw) for raw in sample.messages or expand(sample.message_refs, self._pool)]
        records = self._records()
        places: dict[tuple[str, ...], int] = {}
        for place, heard in enumerate(messages):
            if heard.message.role == "assistant":
                places.setdefault(heard.key, place)
        self._known = {heard.key for heard in messages}
        began = time_of(sample.started_at) or (
            time_of(records[0][1].timestamp) if records else None
        )
        told = next((n for n, each in enumerate(messages) if each.message.role == "assistant"), 0)
        for heard in messages[:told]:
            yield from self._conversation.tell(heard, began)
        for raw, record in records:
            self._spans.pass_by(record)
            if record.event != "model" or self._spans.scoring(record):
                yield from self._other(raw, record)
                continue
            output, said = self._output(record)
            place = places.get(said.key, -1) if said else -1
            if said is None or place < 0:
                yield from self._elsewhere(raw, record, output, said)
            elif place >= told:
                self._spans.main(record)
                when = time_of(record.timestamp)
                for heard in messages[told:place]:
                    yield from self._conversation.tell(heard, when)
                yield from self._spoken(messages[place], record, output)
                told = place + 1
            elif output.usage is not None:
                yield self._usage(raw, record, output)
        for heard in messages[told:]:
            yield from self._conversation.tell(heard, time_of(sample.completed_at))
        yield from self._unanswered()

    def _records(self) -> list[tuple[bytes, Record]]:
        records = [
            inner for raw in self._sample.records() for inner in _unnested(_record(bytes(raw)))
        ]
        for _, record in records:
            if record.event == "tool" and isinstance(record.id, str):
                self._tools.setdefault(record.id.strip(), record)
        return records

    def _output(self, record: Record) -> tuple[Output, Heard | None]:
        data = bytes(record.output)
        if not data:
            return Output(), None
        try:
            output = decode(data, Output)
        except msgspec.DecodeError:
            return Output(), None
        if not output.choices or not bytes(output.choices[0].message):
            return output, None
        return output, self._conversation.hear(output.choices[0].message)

    def _spoken(self, heard: Heard, record: Record, output: Output) -> Iterator[Event]:
        agent, parent = self._spans.agent(record)
        return self._conversation.tell(
            heard,
            time_of(record.completed) or time_of(record.timestamp),
            usage=usage_of(output.usage),
            model=str(output.model or record.model or self._telling.model),
            request_id=request_id_of(record),
            agent=agent,
            parent_agent=parent,
        )

    def _elsewhere(
        self, raw: bytes, record: Record, output: Output, said: Heard | None
    ) -> Iterator[Event]:
        """A generation that the final conversation does not hold."""
        agent, parent = self._spans.agent(record)
        for each in self._inputs(record):
            heard = self._conversation.hear(each)
            call_id = str(heard.message.tool_call_id or "").strip()
            if heard.key in self._known or (call_id and call_id in self._conversation.answered):
                continue
            self._known.add(heard.key)
            yield from self._conversation.tell(
                heard, time_of(record.timestamp), agent=agent, parent_agent=parent
            )
        empty = said is None or not (said.message.content or said.message.tool_calls)
        if said is not None and said.key not in self._known and not empty:
            self._known.add(said.key)
            yield from self._spoken(said, record, output)
        elif output.usage is not None:
            yield self._usage(raw, record, output)
        if record.error:
            yield self._telling.tell(
                "other",
                text=str(record.error),
                detail='{"event":"model_error"}',
                **self._place(raw, record),
            )

    def _inputs(self, record: Record) -> list[msgspec.Raw]:
        if record.input_refs:
            return expand(record.input_refs, self._pool)
        try:
            return decode(bytes(record.input) or b"[]", list[msgspec.Raw])
        except msgspec.DecodeError:
            return []

    def _usage(self, raw: bytes, record: Record, output: Output) -> Event:
        return self._telling.tell(
            "usage",
            usage=usage_of(output.usage),
            model=str(output.model or record.model),
            request_id=request_id_of(record),
            **self._place(raw, record),
        )

    def _place(self, raw: bytes, record: Record) -> dict[str, Any]:
        """The event fields that every record has."""
        origin, exact = self._located.find(raw)
        agent, parent = self._spans.agent(record)
        return {
            "origin": origin,
            "raw": exact if len(exact) <= _MOST_RAW else b"",
            "key": str(record.uuid or ""),
            "time": time_of(record.timestamp),
            "agent": "scorer" if self._spans.scoring(record) else agent,
            "parent_agent": parent,
        }

    def _other(self, raw: bytes, record: Record) -> Iterator[Event]:
        """A record of the transcript that is no generation of an agent."""
        event = record.event if isinstance(record.event, str) else None
        if event in INTERNAL:
            return
        self._counts.lines += 1
        if event == "tool":
            if not self._in_conversation(record):
                yield from self._tool(record, self._place(raw, record))
            return
        place = self._place(raw, record)
        if event == "sandbox":
            kind, fields = sandboxed(raw, self._attachments)
            yield self._telling.tell(kind, **fields, **place)
        elif event == "model":
            _, said = self._output(record)
            text = self._conversation.content(said.message.content)[0] if said else ""
            yield self._telling.tell(
                "other", text=text, detail='{"event":"model","within":"scorer"}', **place
            )
        elif event in KINDS:
            yield self._telling.tell(KINDS[event], **described(raw, self._attachments), **place)
        elif isinstance(event, str):
            self._counts.unknown_type += 1
            reason = f"a transcript record of type {event!r}"
            yield self._telling.gap("unknown_type", reason, **place)
        else:
            self._counts.malformed += 1
            yield self._telling.gap(
                "malformed", "a transcript record that does not decode", **place
            )

    def _in_conversation(self, record: Record) -> bool:
        """Whether the call and its result come with the sample's own conversation."""
        if str(record.id or "").strip() not in self._conversation.called:
            return False
        return self._spans.agent(record)[0] == "main" or not len(bytes(record.result))

    def _tool(self, record: Record, place: dict[str, Any]) -> Iterator[Event]:
        """A tool's own record of a call that no conversation tells of."""
        call_id = str(record.id or "").strip()
        if call_id not in self._conversation.called:
            self._conversation.called.add(call_id)
            yield self._telling.call(
                tool=str(record.function or ""),
                call_id=call_id,
                arguments=as_arguments(self._attachments.json(record.arguments)),
                author="agent",
                **place,
            )
            place = place | {"raw": b"", "part": 1}
        if call_id not in self._conversation.answered:
            self._conversation.answered.add(call_id)
            yield self._telling.result(call_id=call_id, **(place | self._returned(record)))[0]

    def _returned(self, record: Record) -> dict[str, Any]:
        """The event fields of what a tool returned."""
        result = decode(bytes(record.result) or b'""', object)
        text = self._conversation.content(result if isinstance(result, list) else [])[0]
        if not isinstance(result, list):
            text = result if isinstance(result, str) else msgspec.json.encode(result).decode()
        error = record.error if isinstance(record.error, dict) else {}
        return {
            "text": self._attachments.text(text) or str(error.get("message") or ""),
            "failed": bool(error) or bool(record.failed),
            "truncated": bool(record.truncated),
            "time": time_of(record.completed) or time_of(record.timestamp),
            "author": "tool",
        }

    def _unanswered(self) -> Iterator[Event]:
        """Calls whose result no message holds: what the tool itself recorded, or a gap."""
        for call in self._telling.waiting():
            record = self._tools.get(call.call_id)
            if record is None or not (record.completed or len(bytes(record.result)) > 2):
                continue
            self._telling.answered(call.call_id)
            yield self._telling.tell(
                "other",
                call.origin,
                tool=call.tool,
                call_id=call.call_id,
                agent=call.agent,
                parent_agent=call.parent_agent,
                detail='{"event":"tool","note":"a result that the model was not shown"}',
                **self._returned(record),
            )
        yield from self._telling.orphans()


def _record(data: bytes) -> tuple[bytes, Record]:
    try:
        return data, _RECORD.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return data, decode(data, Record)
    except msgspec.DecodeError:
        return data, Record(event=None)


def _unnested(given: tuple[bytes, Record]) -> Iterator[tuple[bytes, Record]]:
    """A record and the transcripts that older logs nest in tool and subtask records."""
    pending = [given]
    while pending:
        data, record = pending.pop()
        yield data, record
        nested = bytes(record.events)
        if record.event in ("tool", "subtask") and len(nested) > 2:
            try:
                inner = msgspec.json.decode(nested, type=list[msgspec.Raw])
            except (msgspec.DecodeError, RecursionError):
                continue
            pending.extend(_record(bytes(each)) for each in reversed(inner))
