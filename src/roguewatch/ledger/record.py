"""The stored record of an event, and its one encoding.

A leaf of the tree is the RFC 8785 (JCS) encoding of this record. It holds every
field of the event; the source bytes stand in it as their SHA-256 and are stored
beside it. Fields that hold their default are left out, and `time` is a string,
since nanoseconds exceed the 2^53 that JSON numbers carry exactly (RFC 7493, 2.2).

The fields below stand in the order that JCS sorts them, and msgspec escapes
strings just as JCS demands, so encoding is one pass in C; the suite compares it
with the `rfc8785` library.
"""

from __future__ import annotations

from hashlib import sha256
from typing import cast

import msgspec

from roguewatch.errors import LedgerError
from roguewatch.events import Author, Event, Kind, Origin, Sighting, Usage
from roguewatch.printable import printable

MAX_INTEGER = (1 << 53) - 1
"""Integers beyond this cannot be told apart in JSON (RFC 7493, 2.2)."""


MIN_TIME, MAX_TIME = -(1 << 63), (1 << 63) - 1
"""Times that nanoseconds in 64 bits can say: the years 1678 to 2262."""


class UsageRecord(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`Usage`, its fields in canonical order."""

    cache_read: int = 0
    cache_write: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One event as it is hashed; see `roguewatch.events.Event` for the fields.

    The defaults of `seq` and `origin` are values that no event has, so both always show.
    """

    agent: str = ""
    arguments: str = ""
    author: str = ""
    call_id: str = ""
    cwd: str = ""
    detail: str = ""
    exit_status: int | None = None
    failed: bool | None = None
    id: str = ""
    kind: str = ""
    model: str = ""
    origin: Origin | None = None
    parent: str = ""
    parent_agent: str = ""
    part: int = 0
    permission_mode: str = ""
    prompt_id: str = ""
    raw_sha256: str = ""
    """Hexadecimal SHA-256 of the source bytes; empty where there are none."""
    request_id: str = ""
    seq: int = -1
    session: str = ""
    sighting: str = ""
    surface: str = ""
    text: str = ""
    time: str = ""
    """Nanoseconds since 1970 in decimal; empty where the source does not say."""
    tool: str = ""
    truncated: bool = False
    usage: UsageRecord | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode(event: Event) -> bytes:
    """The leaf of an event: its canonical record.

    Raises:
        LedgerError: a value is beyond what a record can hold; `storable` mends that.
    """
    usage = event.usage
    if (
        (usage is not None and not _fits_usage(usage))
        or not 0 <= event.seq <= MAX_INTEGER
        or not 0 <= event.origin.offset <= MAX_INTEGER
        or (event.time is not None and not MIN_TIME <= event.time <= MAX_TIME)
        or not 0 <= event.part <= MAX_INTEGER
        or (event.exit_status is not None and abs(event.exit_status) > MAX_INTEGER)
    ):
        raise LedgerError(f"event {printable(event.id)}: an integer is beyond 2^53")
    try:
        # By position, in the order of the fields: by name takes five times as long.
        return _encoder.encode(
            Record(
                event.agent,
                event.arguments,
                event.author,
                event.call_id,
                event.cwd,
                event.detail,
                event.exit_status,
                event.failed,
                event.id,
                event.kind,
                event.model,
                event.origin,
                event.parent,
                event.parent_agent,
                event.part,
                event.permission_mode,
                event.prompt_id,
                sha256(event.raw).hexdigest() if event.raw else "",
                event.request_id,
                event.seq,
                event.session,
                event.sighting,
                event.surface,
                event.text,
                "" if event.time is None else str(event.time),
                event.tool,
                event.truncated,
                None
                if usage is None
                else UsageRecord(
                    usage.cache_read,
                    usage.cache_write,
                    usage.input,
                    usage.output,
                    usage.reasoning,
                ),
            )
        )
    except UnicodeEncodeError as error:
        raise LedgerError(f"event {printable(event.id)}: a lone surrogate in a field") from error


def decode(record: bytes, raw: bytes) -> Event:
    """The event of a stored record and its source bytes.

    Raises:
        LedgerError: the bytes are no record.
    """
    try:
        stored = _decoder.decode(record)
        time = int(stored.time) if stored.time else None
        if stored.origin is None:
            raise ValueError("it has no origin")
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError) as error:
        raise LedgerError(f"a stored record cannot be read: {error}") from error
    usage = stored.usage
    return Event(
        id=stored.id,
        session=stored.session,
        seq=stored.seq,
        kind=cast(Kind, stored.kind),
        surface=stored.surface,
        sighting=cast(Sighting, stored.sighting),
        time=time,
        agent=stored.agent,
        parent_agent=stored.parent_agent,
        author=cast(Author, stored.author),
        tool=stored.tool,
        call_id=stored.call_id,
        request_id=stored.request_id,
        prompt_id=stored.prompt_id,
        parent=stored.parent,
        arguments=stored.arguments,
        text=stored.text,
        exit_status=stored.exit_status,
        failed=stored.failed,
        permission_mode=stored.permission_mode,
        model=stored.model,
        cwd=stored.cwd,
        usage=None
        if usage is None
        else Usage(
            input=usage.input,
            output=usage.output,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write,
            reasoning=usage.reasoning,
        ),
        truncated=stored.truncated,
        detail=stored.detail,
        part=stored.part,
        raw=raw,
        origin=stored.origin,
    )


def storable(event: Event) -> Event:
    """The event with what no record can hold brought within bounds.

    Lone surrogates become `\\udXXX` escapes and integers are held to 2^53 - 1, so
    that hostile activity is kept rather than refused; `raw` still says what it was.
    """
    changes: dict[str, object] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if type(value) is str:
            clean = value.encode("utf-8", "backslashreplace").decode()
            if clean != value:
                changes[name] = clean
    if event.exit_status is not None:
        changes["exit_status"] = _bounded(event.exit_status, -MAX_INTEGER)
    if event.usage is not None:
        usage = event.usage
        changes["usage"] = Usage(
            *(_bounded(getattr(usage, name)) for name in usage.__struct_fields__)
        )
    if event.time is not None and not MIN_TIME <= event.time <= MAX_TIME:
        changes["time"] = None
    changes["part"] = _bounded(event.part)
    changes["seq"] = _bounded(event.seq)
    changes["origin"] = Origin(
        file=event.origin.file.encode("utf-8", "backslashreplace").decode(),
        offset=_bounded(event.origin.offset),
    )
    return msgspec.structs.replace(event, **changes)


def _bounded(value: int, least: int = 0) -> int:
    return max(least, min(value, MAX_INTEGER))


def _fits_usage(usage: Usage) -> bool:
    return (
        0 <= usage.input <= MAX_INTEGER
        and 0 <= usage.output <= MAX_INTEGER
        and 0 <= usage.cache_read <= MAX_INTEGER
        and 0 <= usage.cache_write <= MAX_INTEGER
        and 0 <= usage.reasoning <= MAX_INTEGER
    )
