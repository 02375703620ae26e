"""What a written report commits to a ledger, and how anybody can verify it later.

When an assessment is written, one event joins the ledger of reports (`STORE/reports`): the
SHA-256 of the report's data and of each fact in it. The event's inclusion proof (`roguewatch
ledger prove`, checked by `tools/verify_evidence.py` without this program) then shows that
the report is the one that was made at that time, and that no fact in it was changed since.
Reports have a ledger of their own, so that assessing adds nothing to the evidence assessed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A named person's approval of one report, bound to its bytes."""

    by: str
    role: str
    says: str
    given: int | None
    """ns UTC."""
    event: str
    """The event that holds it."""


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
    version: str = ""
    """private or public; empty where there is no commitment."""
    approvals: tuple[Approval, ...] = ()
    """Who approved exactly these bytes, in order."""


def commit(store: Path, assessment: Assessment, data: bytes, kept: str = "") -> str:
    """Commit a report's bytes and facts to the ledger of reports. Returns the event's id.

    Args:
        store: the store that was assessed.
        assessment: the report.
        data: the bytes of its `assessment.json`.
        kept: SHA-256 of what is kept in the store to compare the next one with.
    """
    digest = sha256(data).hexdigest()
    facts = {fact.id: fact_digest(msgspec.to_builtins(fact)) for fact in assessment.facts}
    version = assessment.disclosure.version
    detail = {"report": digest, "run": assessment.run, "version": version, "facts": facts}
    if kept:
        detail["kept"] = kept
    return record(store, "report", detail, digest, assessment.run)


def record(store: Path, what: str, detail: Mapping[str, Any], *identity: str) -> str:
    """Add one entry to the ledger of reports, sealed. Returns the event's id."""
    event = Event(
        id=event_id(what, *identity),
        session=SESSION,
        seq=time.time_ns(),
        kind="other",
        surface="roguewatch",
        sighting="host",
        time=time.time_ns(),
        agent="roguewatch",
        text=what,
        detail=msgspec.json.encode(detail).decode(),
        origin=Origin(file="assessment.json", offset=0),
    )
    with Ledger.open(store / REPORTS) as ledger:
        ledger.append([event])
        ledger.seal()
    return event.id


def approve(report: Path, store: Path, *, by: str, role: str, says: str) -> Checked:
    """Add a person's approval of a report that was written from this store.

    Raises:
        InputError: nobody approves, or the report is not one that was written so.
    """
    if not by.strip():
        raise InputError("an approval needs the name of who gives it: --by NAME")
    found = verify(report, store)
    if not found.genuine:
        raise InputError(
            f"{printable_path(report)}: not a report that was written from this store, "
            "so it cannot be approved"
        )
    detail = {
        "report": found.report, "by": printable(by.strip(), 200), "role": printable(role, 200),
        "says": printable(says, 2000),
    }  # fmt: skip
    record(store, "approval", detail, found.report, detail["by"], str(time.time_ns()))
    return verify(report, store)


def kept_digest(store: Path, run: str) -> str:
    """SHA-256 of what was kept of a run, as the ledger of reports has it; empty: it has none.

    Raises:
        LedgerError: there is a ledger of reports that cannot be read.
    """
    if not (store / REPORTS).is_dir():
        return ""
    with Ledger.open(store / REPORTS, create=False, readonly=True) as ledger:
        for event in ledger.events(session=SESSION):
            detail = event.parsed_detail()
            if detail.get("run") == run and isinstance(detail.get("kept"), str):
                return str(detail["kept"])
    return ""


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
    same_run = exact = None
    for event in (event for event in events if event.text == "report"):
        detail = event.parsed_detail()
        if detail.get("report") == digest:
            exact = exact or event
        if detail.get("run") == document.get("run") and _version(document) == _of(detail):
            same_run = event
    if exact is not None:
        return Checked(
            report=digest, genuine=True, event=exact.id, committed=exact.time, changed=(),
            version=_of(exact.parsed_detail()), approvals=tuple(_approvals(events, digest)),
        )  # fmt: skip
    if same_run is None:
        return Checked(report=digest, genuine=False, event="", committed=None, changed=())
    known = same_run.parsed_detail().get("facts")
    changed = _changed(document, known if isinstance(known, dict) else {})
    return Checked(report=digest, genuine=False, event=same_run.id, committed=same_run.time,
                   changed=changed)  # fmt: skip


def _of(detail: Mapping[str, Any]) -> str:
    return str(detail.get("version") or "private")


def _version(document: Mapping[str, Any]) -> str:
    told = document.get("disclosure")
    return str(told.get("version") or "private") if isinstance(told, dict) else "private"


def _approvals(events: Sequence[Event], digest: str) -> Iterator[Approval]:
    for event in events:
        detail = event.parsed_detail() if event.text == "approval" else {}
        if detail.get("report") == digest:
            yield Approval(
                by=str(detail.get("by")), role=str(detail.get("role")),
                says=str(detail.get("says")), given=event.time, event=event.id,
            )  # fmt: skip


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
