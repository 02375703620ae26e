"""Inspect AI logs: `.eval` archives and JSON logs, inspect_ai 0.3.41 (2024-10) to 0.3.285.

Read without inspect_ai. An archive is read one sample at a time; a sample is one
member (`samples/<id>_epoch_<n>.json`) or, in chunked logs, a folder of them. A log
whose run did not finish has no `header.json`: its head is `_journal/start.json`, and
samples that its summaries list but that never arrived are gaps.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event, Origin
from roguewatch.printable import printable
from roguewatch.sources.inspect_archive import Archive, Member, MemberError
from roguewatch.sources.inspect_log import Head, Listed, Log
from roguewatch.sources.json_items import items
from roguewatch.sources.repair import decode
from roguewatch.sources.source import Document, Source

_ZIP = b"PK\x03\x04"
_SAMPLE = re.compile(r"samples/(.+)_epoch_(\d+)\.json", re.DOTALL)
_SHELL = re.compile(r"(samples/.+_epoch_\d+)/sample\.json", re.DOTALL)
_JSON_HEAD = re.compile(rb'"eval"\s*:\s*\{')
_JSON_EVIDENCE = re.compile(rb'"(run_id|task_id|eval_id|task_version|packages|inspect_ai)"\s*:')


def recognise(head: bytes) -> bool:
    """An archive with a member that Inspect writes first, or a JSON log's beginning."""
    if head.startswith(_ZIP):
        name_bytes = int.from_bytes(head[26:28], "little")
        name = head[30 : 30 + name_bytes]
        return name.startswith((b"_journal/", b"samples/")) or name in (
            b"header.json",
            b"summaries.json",
            b"reductions.json",
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    found = _JSON_HEAD.search(head) if start == b"{" else None
    return found is not None and b"resourceSpans" not in head and bool(_JSON_EVIDENCE.search(head))


def read(document: Document) -> Iterator[Event]:
    """The events of a log, sample by sample."""
    if document.head().startswith(_ZIP):
        return _read_archive(document)
    return _read_json(document)


@contextmanager
def _seekable(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The archive; unpacked beside, where it was packed once more, since its directory is at
    its end."""
    if stream.seekable():
        yield stream
        return
    with TemporaryFile() as unpacked:
        copyfileobj(stream, unpacked)
        yield unpacked


def _read_archive(document: Document) -> Iterator[Event]:
    with document.open() as opened, _seekable(opened) as stream:
        archive = Archive(stream)
        if not archive.members:
            raise SourceError(f"{document.name}: a zip archive without a readable member")
        reading = _ArchiveReading(document, archive)
        yield from reading.events()


class _ArchiveReading:
    def __init__(self, document: Document, archive: Archive) -> None:
        self._name = document.name
        self._counts = document.counts
        self._archive = archive
        self._members = {member.name: member for member in archive.members}

    def events(self) -> Iterator[Event]:
        head, gaps = self._head()
        log = Log(head, self._counts)
        for code, reason in gaps:
            yield log.gap(log.session("", 0, b"log"), code, reason, Origin(self._name, 0))
        self._counts.duplicate += sum(
            1 for member in self._archive.superseded if member.name.startswith("samples/")
        )
        found = set()
        for member in self._archive.members:
            self._counts.lines += 1
            named = _SAMPLE.fullmatch(member.name)
            shell = _SHELL.fullmatch(member.name)
            if shell:
                named = _SAMPLE.fullmatch(shell.group(1) + ".json")
            if named is None or (not shell and "/" in named.group(2)):
                continue
            found.add((named.group(1), named.group(2)))
            try:
                data = self._chunked(shell.group(1)) if shell else self._archive.read(member)
            except MemberError as error:
                session = log.session(named.group(1), named.group(2))
                code = "truncated_tail" if error.truncated else "malformed"
                setattr(self._counts, code, getattr(self._counts, code) + 1)
                reason = f"{printable(member.name)}: {printable(str(error))}"
                yield log.gap(session, code, reason, Origin(self._place(member), 0))
                continue
            yield from log.events(data, self._place(member))
        yield from self._missing(log, found)

    def _place(self, member: Member) -> str:
        return f"{self._name}!{printable(member.name)}"

    def _head(self) -> tuple[Head, list[tuple[str, str]]]:
        gaps = []
        if self._archive.recovered:
            self._counts.truncated_tail += 1
            gaps.append(
                ("truncated_tail", "the archive's central directory is missing: read without it")
            )
        for name in ("header.json", "_journal/start.json"):
            member = self._members.get(name)
            if member is None:
                continue
            try:
                return decode(self._archive.read(member), Head), gaps
            except (MemberError, msgspec.DecodeError) as error:
                self._counts.malformed += 1
                gaps.append(("malformed", f"{name}: {printable(str(error))}"))
        return Head(), gaps

    def _chunked(self, prefix: str) -> bytes:
        """A chunked sample as one document: its shell with its sequences put in place."""
        shell = self._json(f"{prefix}/sample.json")
        if not isinstance(shell, dict):
            raise MemberError("the shell of a chunked sample is no object")
        shell["events_data"] = {"messages": self._sequence(prefix, "messages")}
        shell["events"] = self._sequence(prefix, "events")
        attachments = self._sequence(prefix, "attachments")
        shell["attachments"] = {str(n): content for n, content in enumerate(attachments)}
        if f"{prefix}/metadata.json" in self._members:
            shell["metadata"] = self._json(f"{prefix}/metadata.json")
        return msgspec.json.encode(shell)

    def _sequence(self, prefix: str, sequence: str) -> list[Any]:
        start = f"{prefix}/{sequence}/"
        chunks = []
        for name in self._members:
            number = name[len(start) : -len(".json")]
            if name.startswith(start) and name.endswith(".json") and number.isdecimal():
                chunks.append((int(number), name))
        whole: list[Any] = []
        for _, name in sorted(chunks):
            chunk = self._json(name, list[msgspec.Raw])
            whole.extend(chunk)
        return whole

    def _json(self, name: str, type: Any = dict[str, msgspec.Raw]) -> Any:
        try:
            return decode(self._archive.read(self._members[name]), type)
        except msgspec.DecodeError as error:
            raise MemberError(f"{name}: {error}") from error

    def _missing(self, log: Log, found: Collection[tuple[str, str]]) -> Iterator[Event]:
        """Samples that the log's summaries list, but that are not in it."""
        names = [name for name in self._members if name.startswith("_journal/summaries/")]
        if "summaries.json" in self._members:
            names = ["summaries.json"]
        for name in names:
            try:
                listed = self._json(name, list[Listed])
            except MemberError as error:
                self._counts.malformed += 1
                reason = f"{printable(name)}: {printable(str(error))}"
                session = log.session("", 0, b"log")
                yield log.gap(session, "malformed", reason, Origin(self._name, 0))
                continue
            for each in listed:
                if (str(each.id), str(each.epoch)) not in found:
                    self._counts.truncated_tail += 1
                    session = log.session(each.id, each.epoch)
                    reason = "a sample that the log's summaries list is not in the log"
                    origin = Origin(f"{self._name}!{name}", 0)
                    yield log.gap(session, "sample_missing", reason, origin)


def _read_json(document: Document) -> Iterator[Event]:
    counts = document.counts
    parts: dict[str, msgspec.Raw] = {}
    log: Log | None = None
    with document.open() as stream:
        for item in items(stream, ("samples",)):
            if item.key != "samples":
                if item.key in ("eval", "status", "version") and item.data:
                    parts[item.key] = msgspec.Raw(item.data)
                elif not item.complete and log is not None:
                    code, reason = item.fault
                    setattr(counts, code, getattr(counts, code) + 1)
                    origin = Origin(document.name, item.offset)
                    yield log.gap(log.session("", 0), code, reason, origin)
                continue
            if log is None:
                log = Log(_json_head(parts, document), counts)
            counts.lines += 1
            if item.data is None or not item.complete:
                session = log.session(f"number {item.index}", 0)
                code, reason = item.fault
                setattr(counts, code, getattr(counts, code) + 1)
                origin = Origin(document.name, item.offset)
                yield log.gap(session, code, f"sample {item.index}: {reason}", origin)
                continue
            yield from log.events(item.data, document.name, item.offset)
    if log is None:
        log = Log(_json_head(parts, document), counts)
        reason = "the log holds no sample"
        yield log.gap(log.session("", 0), "no_samples", reason, Origin(document.name, 0))


def _json_head(parts: dict[str, msgspec.Raw], document: Document) -> Head:
    try:
        return decode(msgspec.json.encode(parts), Head)
    except msgspec.DecodeError as error:
        raise SourceError(f"{document.name}: its head does not decode: {error}") from error


source = Source(
    name="inspect",
    title="Inspect AI logs (.eval archives and JSON), 0.3.41 to 0.3.285",
    recognise=recognise,
    read=read,
)
