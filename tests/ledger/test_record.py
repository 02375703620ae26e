"""The stored record is the RFC 8785 form of what it says, and says all of the event."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import get_args

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.events import Author, Event, Kind, Origin, Sighting, Usage
from roguewatch.ledger.record import decode, encode, storable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**53 - 1)
EVENTS = st.builds(
    Event,
    id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    kind=st.sampled_from(get_args(Kind)),
    sighting=st.sampled_from(get_args(Sighting)),
    author=st.sampled_from(get_args(Author)),
    seq=COUNT,
    part=COUNT,
    time=st.none() | st.integers(-(2**63), 2**63 - 1),
    exit_status=st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
    failed=st.none() | st.booleans(),
    truncated=st.booleans(),
    usage=st.none() | st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT),
    raw=st.binary(max_size=20),
    origin=st.builds(Origin, TEXT, COUNT),
    **dict.fromkeys(("session", "surface", "agent", "parent_agent", "tool", "call_id", "request_id", "prompt_id", "parent", "arguments", "text", "permission_mode", "model", "cwd", "detail"), TEXT),
)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=300)
@given(EVENTS)
def test_the_record_is_canonical_and_nothing_of_the_event_is_lost(event: Event) -> None:
    record = encode(event)
    assert record == rfc8785.dumps(json.loads(record))
    assert decode(record, event.raw) == event
    digest = json.loads(record).get("raw_sha256", "")
    assert digest == (sha256(event.raw).hexdigest() if event.raw else "")


@settings(derandomize=True, deadline=None, max_examples=200)
@given(EVENTS, EVENTS)
def test_different_events_have_different_records(one: Event, other: Event) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(EVENTS)
def test_what_is_storable_stays_as_it_is(event: Event) -> None:
    assert storable(event) == event
