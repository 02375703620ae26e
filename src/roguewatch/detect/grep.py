"""Literal texts in what sessions say, counted: the quick look that needs no rules.

Nothing is built that counting does not need: of an Inspect archive only the messages of
each sample are decoded, of a ledger only the columns that hold text are read, and those
are searched as they lie in memory, all rows of a row group at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roguewatch.detect.action import json_object
from roguewatch.detect.sigma.view import fold_bytes
from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.record import decode
from roguewatch.printable import printable, printable_path
from roguewatch.sources import reading
from roguewatch.sources.inspect_archive import Archive, MemberError
from roguewatch.sources.inspect_sample import Attachments, Message

SPEAKING = ("user_message", "agent_message", "reasoning", "tool_call", "tool_result")
"""Kinds of event that are looked into: what system prompts say is not what was done."""

_SAMPLE = re.compile(r"samples/(.+)_epoch_(\d+)\.json", re.DOTALL)
_ESCAPE = ord("\\")


class Found(NamedTuple):
    """What one session says of the texts."""

    session: str
    """Of an archive `<sample id>/<epoch>`; else the session's id."""
    times: int
    """How often any of them stands there; each is counted for itself."""


class _Said(msgspec.Struct, frozen=True, gc=False):
    id: Any = None
    epoch: Any = 1
    messages: list[Message] | None = None
    message_refs: Any = None
    attachments: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Said)


class Grep:
    """Literal texts to look for, without regard to case.

    Args:
        texts: what is looked for; none of them empty.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        if not texts or not all(texts):
            raise ValueError("an empty text stands everywhere")
        self._wanted = [fold_bytes(text) for text in texts]
        self._plain = not any(map(_punctuates, texts))

    def count(self, texts: Iterable[str]) -> int:
        """How often they stand in these texts; never across two of them."""
        data = fold_bytes("\0".join(texts))
        return sum(map(data.count, self._wanted))

    def archive(self, path: Path) -> Iterator[Found]:
        """The samples of an Inspect log in which one of the texts stands, and how often.

        Where a log is no archive of whole samples it is read like any other.
        """
        with path.open("rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                yield from self._whole(path)
                return
            archive = Archive(stream)
            samples = [m for m in archive.members if m.name.startswith("samples/")]
            if any(_SAMPLE.fullmatch(member.name) is None for member in samples):
                yield from self._whole(path)
                return
            for member in samples:
                try:
                    said = _DECODER.decode(archive.read(member))
                except (MemberError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue  # reported as a gap by whoever reads the log
                if times := self.count(_said(said)):
                    yield Found(f"{printable(str(said.id))}/{said.epoch}", times)

    def _whole(self, path: Path) -> Iterator[Found]:
        found: Counter[str] = Counter()
        for one in reading.read([path]):
            for event in one.events():
                if event.kind in SPEAKING and (times := self.count(spoken(event))):
                    found["/".join(event.session.rsplit("/", 2)[-2:])] += times
        yield from map(Found._make, found.items())

    def ledger(self, store: Path) -> list[Found]:
        """The sessions of a ledger in which one of the texts stands, and how often.

        Args:
            store: the folder that holds `ledger/`.

        Raises:
            LedgerError: there is no such ledger, or a segment cannot be read.
        """
        found: Counter[str] = Counter()
        first = 0
        with Ledger.open(store, create=False, readonly=True) as ledger:
            # As `Ledger.leaves`: between two turns a writer may have sealed rows that were hot.
            while first < ledger.size():
                with ledger.hot.snapshot():
                    segments = ledger.hot.segments(first)
                    rows = [] if segments else ledger.hot.rows(first, 256)
                for segment in segments:
                    self._segment(store / "ledger" / "segments" / segment.name, found)
                    first = segment.first + segment.count
                for leaf, _, _, _, record, raw in rows:
                    first = leaf + 1
                    event = decode(record, raw)
                    if event.kind in SPEAKING and (times := self.count(spoken(event))):
                        found[event.session] += times
        return sorted(map(Found._make, found.items()))

    def _segment(self, path: Path, found: Counter[str]) -> None:
        try:
            with pq.ParquetFile(path) as segment:
                for group in range(segment.num_row_groups):
                    self._columns(segment.read_row_group(group, columns=_COLUMNS), found)
        except (OSError, pa.ArrowException) as error:
            raise LedgerError(f"{printable_path(path)}: cannot be read: {error}") from error

    def _columns(self, table: pa.Table, found: Counter[str]) -> None:
        calls = pc.equal(table["kind"], "tool_call").to_numpy()
        others = pc.is_in(table["kind"], value_set=_TEXTS).to_numpy()
        counts = self._column(table["text"].combine_chunks(), others, False)
        counts += self._column(table["arguments"].combine_chunks(), calls, True)
        rows = np.flatnonzero(counts)
        if not len(rows):
            return
        sessions = table["session"].take(pa.array(rows)).to_pylist()
        for session, times in zip(sessions, counts[rows].tolist(), strict=True):
            found[session] += times

    def _column(self, column: Any, wanted: Any, encoded: bool) -> Any:
        """How often they stand in each row of a column of texts.

        Args:
            column: an Arrow array of strings.
            wanted: the rows that are looked into.
            encoded: whether the texts are JSON: those with escapes are decoded first.
        """
        counts = np.zeros(len(column), dtype=np.int64)
        _, offsets, data = column.buffers()
        if data is None or not wanted.any():
            return counts
        ends = np.frombuffer(offsets, dtype=np.int32)[
            column.offset : column.offset + len(column) + 1
        ]
        base = int(ends[0])
        text = data.to_pybytes()[base : int(ends[-1])]
        one_by_one = wanted if encoded and not self._plain else np.zeros(len(column), dtype=bool)
        if encoded and self._plain:
            escapes = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _ESCAPE)
            rows = np.searchsorted(ends, escapes + base, side="right") - 1
            one_by_one[rows] = True
            one_by_one &= wanted
        folded = fold_bytes(text.decode())
        if len(folded) != len(text):
            one_by_one = wanted
        else:
            for literal in self._wanted:
                for at in _places(folded, literal):
                    row = int(np.searchsorted(ends, at + base, side="right")) - 1
                    if at + base + len(literal) <= ends[row + 1]:
                        counts[row] += 1
        counts[~wanted | one_by_one] = 0
        for row in np.flatnonzero(one_by_one).tolist():
            value = column[row].as_py()
            counts[row] = self.count(_strings(json_object(value)) if encoded else [value])
        return counts


_TEXTS = pa.array([kind for kind in SPEAKING if kind != "tool_call"])
_COLUMNS = ["session", "kind", "text", "arguments"]


def _punctuates(text: str) -> bool:
    """Whether a text may stand in JSON outside of strings, or be written with escapes."""
    inside = text.isascii() and text.isprintable() and not set('"\\{}[]:,') & set(text)
    word = text.strip().lower()
    return not (inside and len(word) > 1 and word.islower()) or any(
        word in known for known in ("true", "false", "null")
    )


def _places(data: bytes, literal: bytes) -> Iterator[int]:
    at = data.find(literal)
    while at >= 0:
        yield at
        at = data.find(literal, at + len(literal))


def spoken(event: Event) -> list[str]:
    """What an event says: a call every name and text in its arguments, else its text."""
    return _strings(json_object(event.arguments)) if event.kind == "tool_call" else [event.text]


def _strings(value: object) -> list[str]:
    found: list[str] = []
    waiting = [value]  # not recursive: depth is the agent's to choose
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _said(sample: _Said) -> Iterator[str]:
    """What the messages of a sample say, the system's excepted."""
    attachments = Attachments(sample.attachments or {})
    for message in sample.messages or ():
        if message.role == "system":
            continue
        content = attachments.value(message.content)
        if isinstance(content, str):
            yield content
        else:
            for block in content if isinstance(content, list) else ():
                yield from _block(block)
        if isinstance(message.reasoning, str):
            yield message.reasoning
        for call in message.tool_calls or ():
            yield str(call.function)
            if call.arguments:
                yield from _strings(attachments.value(msgspec.json.decode(call.arguments)))
        if isinstance(message.error, dict):
            yield str(message.error.get("message", ""))


def _block(block: object) -> Iterator[str]:
    if not isinstance(block, dict):
        return
    for name in ("text", "summary" if block.get("redacted") else "reasoning"):
        if isinstance(text := block.get(name), str):
            yield text
    if block.get("type") == "tool_use":
        yield from _strings([block.get(name) for name in ("name", "arguments", "result", "error")])
