"""What a written report commits to a ledger, and how anybody can verify it later.

When an assessment is written, one event joins the ledger of reports (`STORE/reports`): the
SHA-256 of the report's data and of each fact in it. The event's inclusion proof (`roguewatch
ledger prove`, checked by `tools/verify_evidence.py` without this program) then shows that
the report is the one that was made at that time, and that no fact in it was changed since.
Reports have a ledger of their own, so that assessing adds nothing to the evidence assessed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

from roguewatch.assess.document import Assessment
from roguewatch.errors import InputError, TamperError
from roguewatch.events import Event, Origin, event_id
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable, printable_path

SESSION = "roguewatch:reports"
REPORTS = "reports"
"""Folder of the ledger of reports within the store."""
MAX_REPORT = 1 << 30


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of a report."""

    report: str
    """SHA-256 of the report's file."""
    genuine: bool
    """The ledger holds a commitment to exactly these bytes."""
    event: str
    """The event that commits to it; empty where there is none."""
    committed: int | None
    """When, ns UTC."""
    changed: tuple[str, ...]
    """Facts that differ from those that were committed for this run."""


def commit(store: Path, assessment: Assessment, data: bytes) -> str:
    """Commit a report's bytes and facts to the ledger of reports. Returns the event's id.

    Args:
        store: the store that was assessed.
        assessment: the report.
        data: the bytes of its `assessment.json`.
    """
    digest = sha256(data).hexdigest()
    facts = {fact.id: fact_digest(msgspec.to_builtins(fact)) for fact in assessment.facts}
    detail = {"report": digest, "run": assessment.run, "facts": facts}
    event = Event(
        id=event_id("report", digest, assessment.run),
        session=SESSION,
        seq=time.time_ns(),
        kind="other",
        surface="roguewatch",
        sighting="host",
        time=time.time_ns(),
        agent="roguewatch",
        text="report",
        detail=msgspec.json.encode(detail).decode(),
        origin=Origin(file="assessment.json", offset=0),
    )
    with Ledger.open(store / REPORTS) as ledger:
        ledger.append([event])
        ledger.seal()
    return event.id


def verify(report: Path, store: Path) -> Checked:
    """Compare a report with what the ledger was told when it was written.

    Raises:
        InputError: the report cannot be read, or is none.
        LedgerError: no report was ever written from this store.
        TamperError: the ledger of reports is not what was signed.
    """
    name = printable_path(report)
    try:
        if report.stat().st_size > MAX_REPORT:
            raise InputError(f"{name}: too large to be a report")
        data = report.read_bytes()
        document = msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(f"{name}: no assessment.json: {printable(str(error), 200)}") from error
    digest = sha256(data).hexdigest()
    with Ledger.open(store / REPORTS, create=False, readonly=True) as ledger:
        faults = ledger.fsck()
        if faults:
            raise TamperError(f"the ledger of reports is not what was signed: {faults[0]}")
        events = list(ledger.events(session=SESSION))
    return _compare(document, digest, events)


def _compare(document: Mapping[str, Any], digest: str, events: Sequence[Event]) -> Checked:
    same_run: Event | None = None
    for event in events:
        detail = event.parsed_detail()
        if detail.get("report") == digest:
            return Checked(report=digest, genuine=True, event=event.id, committed=event.time,
                           changed=())  # fmt: skip
        if detail.get("run") == document.get("run"):
            same_run = event
    if same_run is None:
        return Checked(report=digest, genuine=False, event="", committed=None, changed=())
    known = same_run.parsed_detail().get("facts")
    changed = _changed(document, known if isinstance(known, dict) else {})
    return Checked(report=digest, genuine=False, event=same_run.id, committed=same_run.time,
                   changed=changed)  # fmt: skip


def fact_digest(fact: Mapping[str, Any]) -> str:
    """SHA-256 of a fact as canonical JSON (RFC 8785)."""
    plain = msgspec.json.decode(msgspec.json.encode(fact))
    return sha256(rfc8785.dumps(_canonical(plain))).hexdigest()


def _canonical(value: Any) -> Any:
    """Whole numbers beyond what RFC 8785 can hold (2^53) become text."""
    if isinstance(value, dict):
        return {key: _canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    return value


def _changed(document: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, ...]:
    facts = document.get("facts")
    told = {
        str(fact.get("id")): fact_digest(fact)
        for fact in (facts if isinstance(facts, list) else [])
        if isinstance(fact, dict)
    }
    names = sorted(known.keys() | told.keys())
    return tuple(printable(id, 200) for id in names if known.get(id) != told.get(id))
