"""The head of an Inspect log and what it gives to the sessions of its samples.

A session is one sample of one evaluation in one epoch:
`<eval id>/<sample id>/<epoch>`; logs before 0.3.8x have no eval id, for them it is
`<run id>.<task id>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from roguewatch.events import Event, Origin, event_id
from roguewatch.printable import printable
from roguewatch.sources.inspect_events import SampleReading
from roguewatch.sources.inspect_messages import Bytes
from roguewatch.sources.inspect_sample import NOTHING, Sample, unknown_fields
from roguewatch.sources.repair import decode, repaired
from roguewatch.sources.source import Counts
from roguewatch.sources.telling import Telling, compact
from roguewatch.sources.times import time_of

_MOST_DETAIL = 256 << 10
_MOST_NAMES = 1_000
_LONGEST_NAME = 120


class Evaluation(msgspec.Struct, frozen=True):
    """What the log says of the evaluation (inspect_ai's `EvalSpec`)."""

    eval_id: Any = None
    run_id: Any = None
    task_id: Any = None
    task: Any = ""
    created: Any = None
    model: Any = ""
    packages: Any = None
    tags: Any = None
    metadata: msgspec.Raw = NOTHING
    task_args: msgspec.Raw = NOTHING


class Head(msgspec.Struct, frozen=True):
    """`header.json`, `_journal/start.json`, or the top of a JSON log."""

    eval: Evaluation = Evaluation()
    version: Any = None
    status: Any = "started"


class Listed(msgspec.Struct, frozen=True):
    """One line of a log's summaries."""

    id: Any = None
    epoch: Any = 1


class Log:
    """One log being read.

    Args:
        head: of the log.
        counts: of the reading.
    """

    def __init__(self, head: Head, counts: Counts) -> None:
        self.head = head
        self._counts = counts
        self._told: dict[str, int] = {}
        self._gaps: dict[str, Telling] = {}
        self._unknown: set[str] = set()

    def session(self, sample: Any, epoch: Any, content: bytes = b"") -> str:
        """The session id of a sample.

        Args:
            content: of a log without head: what else tells its samples from others'.
        """
        about = self.head.eval
        evaluation = str(about.eval_id or "") or f"{about.run_id or ''}.{about.task_id or ''}"
        if evaluation == ".":
            evaluation = event_id("inspect", content)
        return f"{_name(evaluation)}/{_name(str(sample))}/{_name(str(epoch))}"

    def gap(self, session: str, code: str, reason: str, origin: Origin, raw: bytes = b"") -> Event:
        """A gap of a session that none of its own events can tell."""
        telling = self._gaps.setdefault(session, self._telling(session))
        return telling.gap(code, reason, origin, raw=raw)

    def _telling(self, session: str) -> Telling:
        return Telling(
            "inspect", session, self._counts, model=printable(str(self.head.eval.model or ""), 200)
        )

    def events(self, data: bytes, file: str, offset: int = 0) -> Iterator[Event]:
        """The events of one sample.

        Args:
            data: its exact bytes.
            file: printable name of what holds them.
            offset: of its first byte in that.
        """
        origin = Origin(file, offset)
        try:
            sample, used = _decoded(data)
        except msgspec.DecodeError as error:
            self._counts.malformed += 1
            session = self.session("unreadable", 0, data)
            reason = printable(f"a sample that does not decode: {error}", 500)
            yield self.gap(session, "malformed", reason, origin, data[:4096])
            return
        session = self.session(sample.id, sample.epoch, bytes(sample.input))
        times = self._told[session] = self._told.get(session, 0) + 1
        # one log tells a sample once; what claims to be the same is kept beside it
        telling = self._telling(session if times == 1 else f"{session}#{times}")
        yield self._start(sample, telling, origin)
        yield from self._unknown_fields(used, telling, origin)
        reading = SampleReading(sample, Bytes(file, offset, data, used), telling, self._counts)
        try:
            yield from reading.events()
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self._counts.malformed += 1
            yield telling.gap("malformed", f"the sample's rest does not decode: {error}", origin)
        yield self._end(sample, telling, origin)

    def _unknown_fields(self, data: bytes, telling: Telling, origin: Origin) -> Iterator[Event]:
        """Counts fields of a sample that are new to this reader; a gap for each name's first."""
        for name in map(printable, unknown_fields(data)):
            self._counts.unknown_field += 1
            if name not in self._unknown and len(self._unknown) < _MOST_NAMES:
                self._unknown.add(name)
                reason = f"a sample has the field {name[:200]}, which this reader does not know"
                yield telling.gap("unknown_field", reason, origin)

    def _start(self, sample: Sample, telling: Telling, origin: Origin) -> Event:
        about = self.head.eval
        packages = about.packages if isinstance(about.packages, dict) else {}
        detail = {
            "version": packages.get("inspect_ai"),
            "eval_id": about.eval_id,
            "run_id": about.run_id,
            "task": about.task,
            "task_id": about.task_id,
            "created": about.created,
            "tags": about.tags,
            "sample": sample.id,
            "epoch": sample.epoch,
            "sandbox": sample.sandbox,
            "files": sample.files,
            "metadata": sample.metadata,
        }
        return telling.tell(
            "session_start",
            origin,
            detail=_detail(detail),
            time=time_of(sample.started_at) or time_of(about.created),
        )

    def _end(self, sample: Sample, telling: Telling, origin: Origin) -> Event:
        detail = {
            "status": self.head.status,
            "scores": sample.scores if len(sample.scores) else sample.score,
            "target": sample.target,
            "error": sample.error,
            "limit": sample.limit,
            "model_usage": sample.model_usage,
            "invalidation": sample.invalidation,
            "total_time": sample.total_time,
            "working_time": sample.working_time,
        }
        return telling.tell(
            "session_end",
            origin,
            detail=_detail(detail),
            time=time_of(sample.completed_at),
            failed=len(sample.error) > 0 and bytes(sample.error) != b"null",
        )


def _name(text: str) -> str:
    """A part of a session id: printable, and bounded by a digest of the rest."""
    shown = printable(text).replace("/", "%2F")
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[:80]}…{event_id(text)}"
    return shown


def _decoded(data: bytes) -> tuple[Sample, bytes]:
    """The sample, and the bytes that were decoded (`data`, or its repair)."""
    try:
        return msgspec.json.decode(data, type=Sample), data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        used = repaired(data)
        return decode(used, Sample), used


def _detail(values: dict[str, Any]) -> str:
    """JSON of the values that are there; a large one is replaced by its size."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, msgspec.Raw):
            data = bytes(value)
            if not data or data in (b"null", b"{}", b"[]"):
                continue
            kept[key] = value if len(data) <= _MOST_DETAIL else {"omitted_bytes": len(data)}
        elif value is not None and value != "":
            kept[key] = value
    return compact(msgspec.json.encode(kept).decode("utf-8", "replace"))
