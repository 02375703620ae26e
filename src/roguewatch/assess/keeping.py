"""What is kept of each assessment in its store, so that the next can say what changed.

`STORE/assessments/RUN.json` holds the facts, the verdict and the findings' ids; its SHA-256
is committed to the ledger of reports beside the report's own. A copy that is not what was
committed is not compared with.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.assess.document import Assessment, Cell, Fact, Window
from roguewatch.errors import InputError
from roguewatch.ledger.durable import make_folder, write_file
from roguewatch.printable import printable, printable_path

KEPT = "assessments"
"""Folder within the store."""
MAX_REPORT = 1 << 30


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What comparison needs of an assessment. Any `assessment.json` can be read as one."""

    run: str
    created: str
    window: Window
    facts: tuple[Fact, ...]
    verdict: tuple[Cell, ...]
    paths: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    """Ids."""


class _Finding(msgspec.Struct):
    id: str


class _Coverage(msgspec.Struct):
    paths: tuple[str, ...] = ()


class _Report(msgspec.Struct, kw_only=True):
    """The parts of an `assessment.json` that are compared."""

    run: str
    created: str
    window: Window
    coverage: _Coverage
    facts: tuple[Fact, ...]
    verdict: tuple[Cell, ...]
    findings: tuple[_Finding, ...]


def to_keep(assessment: Assessment) -> bytes:
    """What comparison needs of an assessment, as it is kept."""
    return msgspec.json.encode(Kept(
        run=assessment.run, created=assessment.created, window=assessment.window,
        facts=tuple(assessment.facts), verdict=tuple(assessment.verdict),
        paths=tuple(assessment.coverage.paths),
        findings=tuple(line.id for line in assessment.findings),
    ))  # fmt: skip


def keep(store: Path, run: str, data: bytes) -> None:
    """Keep it, whole or not at all. To be committed to the ledger of reports before: a copy
    that never was would look like one that was put there by another.

    Raises:
        OSError: it cannot be written.
    """
    folder = store / KEPT
    make_folder(folder)
    write_file(folder / f"{run}.json", data)


def kept(store: Path) -> list[tuple[str, Path]]:
    """The assessments kept in a store as (run, file), the latest first."""
    found = sorted((store / KEPT).glob("*.json"), reverse=True)
    return [(path.stem, path) for path in found]


def load(path: Path) -> tuple[Kept, str]:
    """What was kept, or a whole `assessment.json`, with the SHA-256 of the file.

    Raises:
        InputError: it cannot be read, or is neither.
    """
    name = printable_path(path)
    try:
        if path.stat().st_size > MAX_REPORT:
            raise InputError(f"{name}: too large to be a report")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    try:
        return _decoded(data), sha256(data).hexdigest()
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(
            f"{name}: expected an assessment.json to compare with: {printable(str(error), 200)}"
        ) from error


def _decoded(data: bytes) -> Kept:
    try:
        return msgspec.json.decode(data, type=Kept)
    except msgspec.ValidationError:
        whole = msgspec.json.decode(data, type=_Report)
    return Kept(
        run=whole.run, created=whole.created, window=whole.window, facts=whole.facts,
        verdict=whole.verdict, paths=whole.coverage.paths,
        findings=tuple(one.id for one in whole.findings),
    )  # fmt: skip
