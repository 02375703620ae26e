"""A history that is read from where it is new is recorded as one that is read whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.events import Event, event_id
from roguewatch.gateway.models import anthropic, beginnings, chat, responses
from roguewatch.gateway.models.beginnings import LOOSE, Beginnings, Told
from roguewatch.gateway.models.exchange import Exchange
from roguewatch.gateway.models.history import Sessions, item_id
from roguewatch.gateway.models.items import Item, Reading
from roguewatch.gateway.strict import AmbiguousError

PLACE = ("d", "p", "/x")
READINGS = {"chat": chat.reading, "anthropic": anthropic.reading, "responses": responses.reading}
LONG = "word " * 400

Body = dict[str, Any]


class Relay:
    """What the relay keeps of requests, and does with one."""

    def __init__(self, reading: Reading, remembers: bool) -> None:
        self.reading = reading
        self.remembers = remembers
        self.sessions = Sessions()
        self.beginnings = Beginnings()
        self.told: Told | None = None

    def read(self, body: bytes, recorded: bool = True) -> list[Event]:
        """The events of a request."""
        known = self.beginnings.of(PLACE) if self.remembers else ()
        told = beginnings.read(self.reading, body, known)
        name = self._named(told)
        if told.known and not told.known.seen(self.sessions.open("d", name[0])):
            told = beginnings.read(self.reading, body, ())
            name = self._named(told)
        exchange = Exchange("d", "p", "/x", name, told)
        session = self.sessions.open("d", name[0])
        events = [*exchange.history_events(session), exchange.request_event("POST", body, "")]
        if not recorded:
            exchange.unrecorded(session)
        elif (begun := exchange.recorded(session)) is not None:
            self.beginnings.keep(PLACE, begun, told.known)
        self.told = told
        return events

    def _named(self, told: Told) -> tuple[str, str]:
        return self.sessions.name("d", told.question, "", told.known.name if told.known else "")


def said(events: Sequence[Event]) -> list[object]:
    """What is recorded, save what tells one exchange from another."""
    return [
        (
            event.id if event.kind not in ("gap", "other") else "",
            event.session, event.kind, event.text, event.tool, event.call_id, event.arguments,
            event.raw, event.part,
            {**event.parsed_detail(), "exchange": ""},
        )
        for event in events
    ]  # fmt: skip


def element(name: str, number: int, text: str) -> Body:
    """One message of a conversation, of the kind that its number says."""
    kind = number % 4
    if name == "responses":
        return [
            {"type": "message", "role": "user", "content": text},
            {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{number - 1}", "output": text},
            {"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]},
        ][kind]  # fmt: skip
    if name == "anthropic":
        use = {"type": "tool_use", "id": f"c{number}", "name": "f", "input": {"text": text}}
        result = {"type": "tool_result", "tool_use_id": f"c{number - 1}", "content": text}
        return [
            {"role": "user", "content": text},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": ""}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": text}]},
            {"role": "assistant", "content": text},
        ][kind]
    call = {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return [
        {"role": "user", "content": text},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number - 1}", "content": text},
        {"role": "assistant", "content": text},
    ][kind]


def body_of(name: str, messages: Sequence[Body], system: str = "s") -> Body:
    """A request's body."""
    body: Body = {"model": "m", READINGS[name].history: list(messages)}
    if name == "chat":
        body["messages"].insert(0, {"role": "system", "content": system})
    else:
        body["system" if name == "anthropic" else "instructions"] = system
    return body


def encoded(body: Body, indent: int | None = None) -> bytes:
    """A body's bytes."""
    return json.dumps(body, indent=indent).encode()


steps = st.lists(
    st.tuples(
        st.integers(0, 6),  # how many messages more
        st.sampled_from(["", "", "", "alter", "cut", "system", "indent", "lost", "mark"]),
        st.integers(0, 30),
    ),
    min_size=2,
    max_size=8,
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(READINGS)), steps=steps, texts=st.sampled_from([1, 3, 50]))
def test_what_is_remembered_changes_nothing_that_is_recorded(
    name: str, steps: list[tuple[int, str, int]], texts: int
) -> None:
    remembering, forgetful = (Relay(READINGS[name], remembers) for remembers in (True, False))
    messages: list[Body] = [element(name, 0, "Begin.")]
    system, indent = "s", None
    for more, change, where in steps:
        messages = messages + [
            element(name, number, f"{LONG}{number % texts}")
            for number in range(len(messages), len(messages) + more)
        ]
        sent = list(messages)
        if change == "alter":
            sent[where % len(sent)] = element(name, where % len(sent), f"{LONG} altered")
            messages = sent
        elif change == "cut":
            messages = sent = sent[: 1 + where % len(sent)]
        elif change == "mark":
            sent[-1] = {**sent[-1], "cache_control": {"type": "ephemeral"}}
        elif change == "system":
            system = f"s{where}"
        elif change == "indent":
            indent = where % 3
        raw = encoded(body_of(name, sent, system), indent)
        recorded = change != "lost"
        assert said(remembering.read(raw, recorded)) == said(forgetful.read(raw, recorded))


@pytest.mark.parametrize("name", READINGS)
def test_of_a_long_history_only_its_end_is_read(name: str) -> None:
    relay = Relay(READINGS[name], remembers=True)
    messages = [element(name, number, f"{LONG}{number}") for number in range(40)]
    first = relay.read(encoded(body_of(name, messages)))
    assert relay.told is not None
    assert relay.told.known is None
    messages.append(element(name, 40, "The newest."))
    second = relay.read(encoded(body_of(name, messages)))
    assert relay.told.known is not None
    assert len(relay.told.question.parts) == LOOSE + 1
    assert [event.text for event in second[:-1]] == ["The newest."]
    counted = [events[-1].parsed_detail()["items"] for events in (first, second)]
    assert counted[1] == counted[0] + 1


def test_what_was_not_recorded_is_new_when_it_comes_again() -> None:
    relay = Relay(chat.reading, remembers=True)
    messages = [element("chat", number, f"{LONG}{number}") for number in range(12)]
    raw = encoded(body_of("chat", messages))
    lost = relay.read(raw, recorded=False)
    assert said(relay.read(raw)) == said(lost)
    assert [event.kind for event in relay.read(raw)] == ["other"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"model": "m"', b'"model": "m", "model": "n"'),
        (b'"model": "m"', b'"messages": [], "model": "m"'),
        (b'The newest."}]', b'The newest."},]'),
        (b'The newest."}]', b'The newest.", "role": "user"}]'),
        (b'The newest."}]', b'The newest."}, NaN]'),
        (b'The newest."}]}', b'The newest."}]'),
    ],
)
def test_a_request_that_goes_on_from_a_known_one_is_read_as_strictly(
    old: bytes, new: bytes
) -> None:
    relay = Relay(chat.reading, remembers=True)
    messages = [element("chat", number, f"{LONG}{number}") for number in range(12)]
    relay.read(encoded(body_of("chat", messages)))
    raw = encoded(body_of("chat", [*messages, {"role": "user", "content": "The newest."}]))
    assert raw.count(old) == 1
    with pytest.raises(AmbiguousError):
        relay.read(raw.replace(old, new))
    relay.read(raw)
    assert relay.told is not None
    assert relay.told.known is not None


def test_a_list_told_twice_is_read_where_the_history_is() -> None:
    relay = Relay(chat.reading, remembers=True)
    messages = [element("chat", number, f"{LONG}{number}") for number in range(12)]
    relay.read(encoded(body_of("chat", messages)))
    body = body_of("chat", [*messages, {"role": "user", "content": "The newest."}])
    twice = {"metadata": {"copy": body["messages"]}, **body}
    assert next(event.text for event in relay.read(encoded(twice))) == "The newest."


def test_a_copy_of_a_list_hides_nothing_of_it() -> None:
    relay = Relay(chat.reading, remembers=True)
    messages: list[Any] = [0, *(element("chat", number, f"{LONG}{number}") for number in range(12))]
    relay.read(encoded({"model": "m", "messages": messages}))
    assert relay.beginnings.of(PLACE)
    messages.append({"role": "user", "content": "The newest."})
    body = encoded({"metadata": {"copy": messages}, "model": "m", "messages": messages})
    assert next(event.text for event in relay.read(body)) == "The newest."


def test_a_known_history_in_another_session_is_recorded_there() -> None:
    relay = Relay(chat.reading, remembers=True)
    messages = [element("chat", number, f"{LONG}{number}") for number in range(12)]
    body = body_of("chat", messages)
    first = relay.read(encoded(body))
    second = relay.read(encoded({**body, "prompt_cache_key": "another"}))
    assert [event.text for event in second] == [event.text for event in first]
    assert {event.session for event in second} == {"another"}


def test_an_items_id_is_made_of_what_it_says() -> None:
    item = Item(kind="tool_call", text=" é ", tool="f", call_id="c", arguments='{"b": 1, "a": 2}')
    made = event_id("model-relay", "d", "s", "tool_call", "é", "f", "c", '{"a":2,"b":1}')
    assert item_id("d", "s", item) == made
