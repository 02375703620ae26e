"""A rule's own examples, made into events and tried."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from roguewatch.events import Event, Origin, event_id
from roguewatch.printable import printable

if TYPE_CHECKING:
    from roguewatch.detect.sigma.rule import Correlation, Rule, RuleSet

_OWN = (
    "kind", "text", "tool", "author", "exit_status", "failed", "permission_mode", "surface",
    "sighting", "model", "agent", "parent_agent", "cwd", "session", "call_id",
)  # fmt: skip
_START = 1_700_000_000_000_000_000
_MAX_SHOWN = 300


def example_events(example: Sequence[dict[str, Any]]) -> list[Event]:
    """The events of one example, a second apart unless `after` (seconds) says otherwise.

    Keys that are not the event's own are arguments of the call; `detail` and `arguments`
    are objects.

    Raises:
        TypeError, ValueError: a value has the wrong type.
    """
    events, time = [], _START
    for ordinal, written in enumerate(example):
        fields = dict(written)
        time += int(float(fields.pop("after", 1)) * 1e9)
        arguments = dict(fields.pop("arguments", {}) or {})
        detail = fields.pop("detail", None)
        own = {name: fields.pop(name) for name in _OWN if name in fields}
        arguments |= fields
        own.setdefault("kind", "tool_call" if "tool" in own else "agent_message")
        own.setdefault("session", "example")
        own.setdefault("surface", "example")
        if own["kind"] in ("tool_call", "tool_result"):
            own.setdefault("call_id", f"call_{ordinal}")
        events.append(
            Event(
                id=event_id("example", ordinal, own["session"]),
                seq=ordinal,
                time=time,
                arguments=json.dumps(arguments, default=str) if arguments else "",
                detail=json.dumps(detail, default=str) if detail else "",
                origin=Origin("example", ordinal),
                **own,
            )
        )
    return events


def example_faults(rules: RuleSet) -> Iterator[str]:
    """What is wrong with the rules' examples: file, rule, key and the example."""
    every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
    for one in every:
        for key, examples, expected in (
            ("must_match", one.meta.must_match, True),
            ("must_not_match", one.meta.must_not_match, False),
        ):
            for number, example in enumerate(examples, start=1):
                where = f"{one.meta.file}: {one.meta.title}: roguewatch.{key}[{number}]"
                try:
                    events = example_events(example)
                except (TypeError, ValueError, AttributeError) as error:
                    yield f"{where}: is no event: {error}"
                    continue
                if _found(one, rules, events) is not expected:
                    shown = printable(json.dumps(example, default=str), _MAX_SHOWN)
                    says = "does not match" if expected else "matches"
                    yield f"{where}: the rule {says} {shown}"


def _found(one: Rule | Correlation, rules: RuleSet, events: list[Event]) -> bool:
    from roguewatch.detect.sigma.running import Running, only

    running = Running(only(one, rules))
    hits = [hit for event in events for hit in running.feed_event(event)]
    return any(hit.meta.id == one.meta.id for hit in hits)
