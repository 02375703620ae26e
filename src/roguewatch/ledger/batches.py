"""Events on their way into the ledger, a row group's worth at a time."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.ledger.layout import GROUP_BYTES, GROUP_EVENTS
from roguewatch.ledger.record import encode, storable


class Appended(msgspec.Struct, frozen=True):
    """What an `append` did."""

    added: int
    duplicate: int
    """Events whose id the ledger has already; nothing was stored for them."""


def take(iterator: Iterator[Event]) -> tuple[list[Event], bool]:
    """The next row group's worth of events, and whether that is what ended it."""
    batch: list[Event] = []
    size = 0
    for event in iterator:
        batch.append(event)
        size += len(event.raw) + len(event.text) + len(event.arguments)
        if len(batch) == GROUP_EVENTS or size >= GROUP_BYTES:
            return batch, True
    return batch, False


def apart(batch: list[Event]) -> Iterator[list[Event]]:
    """A batch of `take`'s in pieces, so that an event as long as a whole group, which can only
    be its last, has one of its own: its text and bytes then go into columns without being
    joined to others'."""
    last = batch[-1]
    if len(batch) > 1 and len(last.raw) + len(last.text) + len(last.arguments) >= GROUP_BYTES:
        yield batch[:-1]
        yield [last]
    else:
        yield batch


def encoded(events: list[Event]) -> tuple[list[Event], list[bytes]]:
    """Events as they can be stored, and their leaves."""
    leaves: list[bytes] = []
    for at, event in enumerate(events):
        try:
            leaves.append(encode(event))
        except LedgerError:
            events[at] = storable(event)
            leaves.append(encode(events[at]))
    return events, leaves
