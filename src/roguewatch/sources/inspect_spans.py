"""Which agent a record of an Inspect transcript belongs to.

Records name the span that they lie in (`span_id`); spans of type `agent` are agents,
`scorer` and `scorers` judge the finished sample. Logs before spans (until 0.3.9x)
mark the same with `step` records that begin and end.
"""

from __future__ import annotations

import msgspec

from roguewatch.sources.inspect_sample import Record

_DEEPEST = 256


class _Span(msgspec.Struct, frozen=True):
    type: str
    name: str
    parent: str


class Spans:
    """Follows the spans and steps of one transcript in its order."""

    def __init__(self) -> None:
        self._spans: dict[str, _Span] = {}
        self._steps: list[str] = []
        self._main: set[str] = set()

    def pass_by(self, record: Record) -> None:
        """Take note of a record that begins or ends a span or step."""
        if record.event == "span_begin" and isinstance(record.id, str):
            self._spans[record.id] = _Span(
                str(record.type or ""), str(record.name or ""), str(record.parent_id or "")
            )
        elif record.event == "step":
            if record.action == "begin":
                self._steps.append(str(record.type or ""))
            elif self._steps:
                self._steps.pop()

    def _around(self, record: Record) -> list[tuple[str, _Span]]:
        """The spans around a record, innermost first."""
        around: list[tuple[str, _Span]] = []
        place = str(record.span_id or "")
        while place in self._spans and len(around) < _DEEPEST:
            span = self._spans[place]
            around.append((place, span))
            place = span.parent
        return around

    def scoring(self, record: Record) -> bool:
        """Whether a scorer made the record."""
        if any(span.type in ("scorer", "scorers") for _, span in self._around(record)):
            return True
        return "scorer" in self._steps

    def main(self, record: Record) -> None:
        """The record belongs to the sample's own conversation: so does its agent span."""
        for place, span in self._around(record):
            if span.type == "agent":
                self._main.add(place)

    def agent(self, record: Record) -> tuple[str, str]:
        """The agent that acted and the one that started it; ("main", "") for the sample's own."""
        agents = [
            span.name or place
            for place, span in self._around(record)
            if span.type == "agent" and place not in self._main
        ]
        if not agents:
            return "main", ""
        return agents[0], agents[1] if len(agents) > 1 else "main"
