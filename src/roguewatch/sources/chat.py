"""Chat-completion messages as JSON or JSON lines: AgentDojo, tau-bench, and the like.

A file holds conversations: an array or lines of objects with `messages`, `traj` or
`conversations`, one such object or several in a row, an array of messages, lines or an
array of such arrays, or messages line by line. Lines without messages (a benchmark's
header) describe what follows them.

A conversation has no id that all writers agree on. Its session is a digest of the ids
that it has (its own, its metadata's, the header's) and of its opening, up to the first
reply; so it stays the same as the conversation grows, in a copy, and however the JSON
is laid out. What else the file says of it (scores, labels) is in the detail of its
session_start, with its place among the file's records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain
from typing import Any

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event, Origin, event_id
from roguewatch.sources import conversation
from roguewatch.sources.conversation import is_message, role_of
from roguewatch.sources.json_items import items, values
from roguewatch.sources.lines import lines
from roguewatch.sources.repair import decode, decode_any
from roguewatch.sources.source import HEAD_BYTES, MAX_RECORD_BYTES, Document, Source
from roguewatch.sources.telling import Telling, compact
from roguewatch.sources.times import time_of

_MANY = "simulations"
"""Where tau2-bench keeps its conversations, after tasks that may be long."""
_HOLDERS = ("messages", "traj", "conversations", "conversation", _MANY)
_NAMING = ("role", "from", "content", "value", "tool_calls", "function_call", "parts")
"""What of a message shows that it is one."""
_TAU2 = (b'"agent_info"', b'"user_info"', b'"environment_info"')
_MOST_DETAIL = 256 << 10
_MOST_HEADERS = 20
"""Lines without messages that may stand before the first conversation."""
_OTHERS = frozenset(("trajectory", "history", "eval", "spans", "resourceSpans", "sessionId"))
"""Keys of formats that have readers of their own."""


_LINE: Any = dict[str, msgspec.Raw] | list[msgspec.Raw]


class _Piece(msgspec.Struct, frozen=True):
    """A record of the file: a conversation, a message, or a header."""

    offset: int
    data: bytes
    index: int = 0
    """Its place among the file's records, from 0; blank lines are none."""


def recognise(head: bytes) -> bool:
    """Whether a conversation or a message stands where this format has one."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"[":
        first = next(items(BytesIO(text), ()), None)
        return first is not None and first.data is not None and _is_record(first.data)
    if text[:1] != b"{":
        return False
    if _is_record(text.split(b"\n", 1)[0] if _is_lines(text) else text):
        return True
    if not _is_lines(text):
        return False
    following = text.split(b"\n", _MOST_HEADERS + 1)[1 : _MOST_HEADERS + 1]
    return any(_is_record(line) for line in following)


def _is_lines(text: bytes) -> bool:
    """Whether the first line is an object of its own, or an array that is not the last."""
    first, _, rest = text.partition(b"\n")
    if text[:1] == b"[" and rest.lstrip()[:1] not in (b"[", b"{"):
        return False
    if b"\n" not in text and len(text) > HEAD_BYTES // 2:
        return True  # too long to tell
    try:
        decode(first, _LINE)
    except msgspec.DecodeError:
        return False
    return True


def _is_record(data: bytes) -> bool:
    """Whether an object, perhaps cut short, is a message or holds messages."""
    whole: dict[str, Any] = {}
    for item in items(BytesIO(data), _HOLDERS):
        if item.key in _OTHERS:
            return False
        if item.key == "info" and all(name in (item.data or b"") for name in _TAU2):
            return True
        if item.index == 0 and item.data is not None:
            return _is_record(item.data) if item.key == _MANY else _begins_message(item.data)
        if item.key in _NAMING:
            whole[item.key] = item.data
    role = _scalar(whole.get("role") or whole.get("from"))
    return is_message({**whole, "role": role}) if role else False


def _loose(data: bytes) -> Any:
    """The value; None where it cannot be decoded, which its reader tells as a gap."""
    try:
        return decode_any(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _scalar(data: bytes | None) -> Any:
    try:
        return msgspec.json.decode(data or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _begins_message(data: bytes) -> bool:
    found: dict[str, Any] = {}
    for item in items(BytesIO(data), ()):
        found[item.key] = _scalar(item.data) if item.key in ("role", "from") else item.data
    return is_message(found)


def read(document: Document) -> Iterator[Event]:
    """The events of every conversation, in the file's order."""
    head = document.head().lstrip(b"\xef\xbb\xbf \t\r\n")
    reading = _Reading(document)
    if _is_lines(head):
        yield from reading.records(_lines(document, reading))
    elif head[:1] == b"[":
        yield from reading.records(_array(document, reading))
    else:
        yield from reading.one(document)
    if reading.beyond >= 0:
        yield from reading.records(_further(document, reading))
    reading.check()


def _array(document: Document, reading: _Reading) -> Iterator[_Piece]:
    with document.open() as stream:
        for item in items(stream, ()):
            if item.beyond:
                reading.beyond = item.offset
                continue
            document.counts.lines += 1
            if item.data is None or not item.complete:
                yield from reading.unreadable(item.fault[0], item.offset, item.data)
            else:
                yield _Piece(item.offset, item.data, item.index)


def _further(document: Document, reading: _Reading) -> Iterator[_Piece]:
    """The values of a file after its first, laid out over lines as they please."""
    found = False
    with document.open() as stream:
        left = reading.beyond
        while left and (step := stream.read(min(left, 1 << 20))):
            left -= len(step)
        for item in values(stream):
            found = True
            document.counts.lines += 1
            offset = reading.beyond + item.offset
            if item.data is None or not item.complete:
                yield from reading.unreadable(item.fault[0], offset, item.data)
            else:
                yield _Piece(offset, item.data, item.index)
    if not found:
        yield from reading.unreadable("malformed", reading.beyond, None)


def _lines(document: Document, reading: _Reading) -> Iterator[_Piece]:
    for index, line in enumerate(lines(document)):
        document.counts.lines += 1
        if line.skipped:
            yield from reading.unreadable("malformed", line.offset, None)
            continue
        try:
            decode(line.data, _LINE)
        except msgspec.DecodeError:
            code = "malformed" if line.whole else "truncated_tail"
            yield from reading.unreadable(code, line.offset, line.data)
            continue
        yield _Piece(line.offset, line.data, index)


class _Reading:
    """One reading of one file."""

    def __init__(self, document: Document) -> None:
        self._name = document.name
        self._counts = document.counts
        self._sessions: set[str] = set()
        self._gaps: list[Event] = []
        self._last = ""
        self.beyond = -1
        """Where more values follow the file's first; -1: nowhere."""

    def unreadable(self, code: str, offset: int, data: bytes | None) -> Iterator[_Piece]:
        """Count a record that cannot be read; its gap is told with what follows.

        Args:
            data: its bytes; None where they are more than is read, or no JSON value at all.
        """
        setattr(self._counts, code, getattr(self._counts, code) + 1)
        data = b"longer than is read" if data is None else data
        telling = Telling("chat", self._last or event_id("chat", data), self._counts)
        gap = telling.gap(
            code,
            "a record that is no JSON object" if code == "malformed" else "the file ends inside it",
            Origin(self._name, offset),
            raw=data[:MAX_RECORD_BYTES],
            key=event_id(data),
        )
        self._gaps.append(gap)
        return iter(())

    def check(self) -> None:
        """Raise SourceError where neither a conversation nor a gap was told."""
        if not self._counts.events:
            raise SourceError(f"{self._name}: holds no messages that can be read")

    def _gaps_now(self) -> Iterator[Event]:
        gaps, self._gaps = self._gaps, []
        return iter(gaps)

    def records(self, pieces: Iterator[_Piece]) -> Iterator[Event]:
        """The conversations of an array or of lines."""
        header: dict[str, Any] = {}
        heading = False
        for piece in pieces:
            yield from self._gaps_now()
            headed, heading = heading, False
            try:
                record = decode_any(piece.data)
            except msgspec.DecodeError:
                list(self.unreadable("malformed", piece.offset, piece.data))
                continue
            if is_message(record):
                following = (each for each in chain((piece,), pieces))
                yield from self._conversation(piece.index, piece.offset, {}, header, following)
            elif (held := _held(record)) is not None:
                meta, messages = held
                located = _located(piece, messages)
                yield from self._conversation(piece.index, piece.offset, meta, header, located)
            elif isinstance(record, dict) and isinstance(record.get(_MANY), list):
                yield from self.records(_located(piece, _MANY))
            elif isinstance(record, dict):
                header, heading = {**header, **record} if headed else record, True
            elif isinstance(record, list) and record and isinstance(record[0], dict):
                yield from self.records(_inside(piece))
            else:
                list(self.unreadable("malformed", piece.offset, piece.data))
        yield from self._gaps_now()

    def one(self, document: Document) -> Iterator[Event]:
        """A file that is one object, perhaps over many lines."""
        meta: dict[str, Any] = {}
        messages: list[_Piece] = []
        many = False
        with document.open() as stream:
            for item in items(stream, _HOLDERS):
                if item.beyond:
                    self.beyond = item.offset
                elif item.data is None:
                    list(self.unreadable("malformed", item.offset, None))
                elif item.key == _MANY and item.index >= 0 and item.complete:
                    self._counts.lines += 1
                    many = True
                    yield from self.records(iter((_Piece(item.offset, item.data, item.index),)))
                elif item.key in _HOLDERS and item.index >= 0:
                    self._counts.lines += 1
                    if item.complete:
                        messages.append(_Piece(item.offset, item.data, item.index))
                    else:
                        list(self.unreadable("truncated_tail", item.offset, item.data))
                elif item.complete:
                    meta[item.key] = msgspec.Raw(item.data)
                else:
                    list(self.unreadable("truncated_tail", item.offset, item.data))
        if many or not messages:
            yield from self._gaps_now()
            return
        first = _loose(messages[0].data)
        if is_message(first):
            known = {key: _loose(bytes(value)) for key, value in meta.items()}
            yield from self._conversation(0, 0, known, {}, iter(messages))
        else:
            yield from self.records(iter(messages))
        yield from self._gaps_now()

    def _conversation(
        self,
        index: int,
        offset: int,
        meta: dict[str, Any],
        header: dict[str, Any],
        pieces: Iterator[_Piece],
    ) -> Iterator[Event]:
        opening: list[_Piece] = []
        for piece in pieces:
            opening.append(piece)
            if _role(piece) == "assistant":
                break
        session = _session(meta, header, opening)
        self._last = session
        if session in self._sessions:
            self._counts.duplicate += 1
            for _ in pieces:
                pass
            return
        self._sessions.add(session)
        telling = Telling("chat", session, self._counts, model=_model(meta, header))
        yield telling.tell(
            "session_start",
            Origin(self._name, offset),
            key="start",
            detail=_detail(index, meta, header),
            time=time_of(meta.get("created") or meta.get("timestamp") or meta.get("created_at")),
        )
        yield from self._messages(telling, chain(opening, pieces))
        yield from telling.orphans()

    def _messages(self, telling: Telling, pieces: Iterable[_Piece]) -> Iterator[Event]:
        for piece in pieces:
            yield from self._gaps_now()
            origin = Origin(self._name, piece.offset)
            try:
                message = decode(piece.data, dict[str, Any])
            except msgspec.DecodeError:
                self._counts.malformed += 1
                reason = "a message that is no JSON object"
                yield telling.gap("malformed", reason, origin, raw=piece.data)
                continue
            yield from conversation.tell(telling, message, origin, piece.data)


def _held(record: Any) -> tuple[dict[str, Any], str] | None:
    """What an object says beside its messages, and the key they are under."""
    if isinstance(record, dict):
        for key in _HOLDERS:
            value = record.get(key)
            if isinstance(value, list) and (not value or is_message(value[0])):
                return {name: each for name, each in record.items() if name != key}, key
    return None


def _inside(piece: _Piece) -> Iterator[_Piece]:
    """The items of an array, each with its place in the file."""
    for item in items(BytesIO(piece.data), ()):
        if item.data is not None:
            yield _Piece(piece.offset + item.offset, item.data, item.index)


def _located(piece: _Piece, key: str) -> Iterator[_Piece]:
    """The messages of an object, each with its place in the file."""
    for item in items(BytesIO(piece.data), (key,)):
        if item.key == key and item.index >= 0 and item.data is not None:
            yield _Piece(piece.offset + item.offset, item.data)


def _role(piece: _Piece) -> str:
    try:
        return role_of(decode(piece.data, dict[str, Any]))
    except msgspec.DecodeError:
        return ""


def _session(meta: dict[str, Any], header: dict[str, Any], opening: list[_Piece]) -> str:
    parts: list[str | bytes | int] = ["chat"]
    for described in (meta, header, meta.get("metadata"), header.get("metadata")):
        for key, value in sorted(described.items()) if isinstance(described, dict) else ():
            # a number or text identifies; a truth value or a fraction is an outcome
            if type(value) in (str, int) and (len(str(value)) < 200):
                parts += [key, value]
        parts.append("")
    for piece in opening:
        parts.append(compact(piece.data.decode("utf-8", "replace")))
    return event_id(*parts)


def _model(meta: dict[str, Any], header: dict[str, Any]) -> str:
    for described in (meta, meta.get("metadata"), header, header.get("metadata")):
        if isinstance(described, dict) and isinstance(described.get("model"), str):
            return str(described["model"])
    return ""


def _detail(index: int, meta: dict[str, Any], header: dict[str, Any]) -> str:
    """What the file says of the conversation, with its place among the file's records."""
    detail = {"record": index, **meta}
    if header:
        detail["header"] = header
    data = msgspec.json.encode(detail)
    if len(data) > _MOST_DETAIL:
        kept = {key: value for key, value in meta.items() if key in ("id", "index", "metadata")}
        data = msgspec.json.encode({"record": index, **kept, "omitted_bytes": len(data)})
        if len(data) > _MOST_DETAIL:
            data = msgspec.json.encode({"record": index, "omitted_bytes": len(data)})
    return data.decode()


source = Source(
    name="chat",
    title="Chat-completion messages, JSON or JSON lines (AgentDojo, tau-bench)",
    recognise=recognise,
    read=read,
)
