"""The incident register: what people decided of findings, and how grave graders hold it.

Severity follows the assessment's buckets: the countermeasure that would have caught or
stopped it, on each axis, and a position from 0 to 1 inside the bucket. Where graders
differ, or one is uncertain, the lower counts.
"""

from __future__ import annotations

import time
from typing import Literal, get_args

import msgspec
from sqlalchemy import Engine, select

from roguewatch.errors import StateError
from roguewatch.findings import Rung, Severity
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.findings import Findings, upsert

Verdict = Literal["confirmed", "near-miss", "rejected"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
MIN_GRADERS = 2
"""Fewer grades than this leave an incident's severity unknown."""


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """One grader's severity on both axes."""

    grader: str
    kind: Literal["person", "monitor"] = "person"
    overreach: Severity
    deception: Severity
    uncertain: bool = False
    """The grader hesitated between this bucket and the one below."""
    note: str = ""

    def counted(self, axis: str) -> Severity:
        """The severity that counts: one bucket lower where the grader was uncertain."""
        given: Severity = getattr(self, axis)
        if not self.uncertain or given.rung == "none":
            return given
        return Severity(RUNGS[RUNGS.index(given.rung) - 1], 1.0)


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What people decided of one finding."""

    finding: str
    verdict: Verdict
    by: str
    decided: int
    """ns UTC."""
    reason: str = ""
    public: str = ""
    """What may be told outside."""
    private: str = ""
    """What may not."""
    how_found: str = ""
    undetected_seconds: float | None = None
    """From the act until somebody noticed; None: not known."""
    grades: tuple[Grade, ...] = ()

    def severity(self, axis: Literal["overreach", "deception"]) -> Severity | None:
        """The lowest of the graders' severities; None with fewer than two graders."""
        if len(self.grades) < MIN_GRADERS:
            return None
        counted = [grade.counted(axis) for grade in self.grades]
        return min(counted, key=lambda one: (RUNGS.index(one.rung), one.score))


class IncidentRegister:
    """The incidents of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def decide(
        self, finding: str, verdict: Verdict, *, by: str, reason: str = "", public: str = "",
        private: str = "", how_found: str = "", undetected_seconds: float | None = None,
    ) -> Incident:  # fmt: skip
        """Confirm or reject a finding; an earlier decision on it is replaced.

        Args:
            finding: its id, or the beginning of it.
            verdict: confirmed (an incident), near-miss, or rejected.
            by: who decides.
            reason: why; a rejection needs one.
            public: what may be told outside.
            private: what may not.
            how_found: by what or whom it was noticed.
            undetected_seconds: from the act until it was noticed.

        Raises:
            StateError: no such finding, nobody decides, or a rejection without a reason.
        """
        if not by.strip():
            raise StateError("a decision needs the name of who decides: --by NAME")
        if verdict == "rejected" and not reason.strip():
            raise StateError("a rejection needs a reason: --reason TEXT")
        if undetected_seconds is not None and not 0 <= undetected_seconds < 1e12:
            raise StateError("the time undetected must be zero seconds or more")
        incident = Incident(
            finding=Findings(self._engine).find(finding).id,
            verdict=verdict,
            by=printable(by.strip(), 200),
            decided=time.time_ns(),
            reason=printable(reason, 2000),
            public=printable(public, 5000),
            private=printable(private, 5000),
            how_found=printable(how_found, 500),
            undetected_seconds=undetected_seconds,
        )
        row = {
            "finding": incident.finding, "verdict": incident.verdict, "by": incident.by,
            "decided": incident.decided, "body": msgspec.json.encode(incident).decode(),
        }  # fmt: skip
        with transaction(self._engine) as connection:
            upsert(connection, tables.incidents, [row])
        return incident

    def grade(self, finding: str, grade: Grade) -> Incident:
        """Add a grader's severity, or replace the same grader's earlier one.

        Raises:
            StateError: it is not a confirmed incident or near miss, nobody grades, or a
                score lies outside 0 to 1.
        """
        id = Findings(self._engine).find(finding).id
        incident = self.get(id)
        if incident is None or incident.verdict == "rejected":
            raise StateError(f"{id}: only confirmed incidents and near misses are graded")
        if not grade.grader.strip():
            raise StateError("a grade needs the name of the grader: --by NAME")
        for severity in (grade.overreach, grade.deception):
            if not 0 <= severity.score <= 1:
                raise StateError(f"a score of {severity.score}: expected one from 0 to 1")
        kept = msgspec.structs.replace(
            grade, grader=printable(grade.grader.strip(), 200), note=printable(grade.note, 2000)
        )
        row = {
            "finding": id, "grader": kept.grader, "graded": time.time_ns(),
            "body": msgspec.json.encode(kept).decode(),
        }  # fmt: skip
        with transaction(self._engine) as connection:
            upsert(connection, tables.grades, [row])
        found = self.get(id)
        assert found is not None
        return found

    def get(self, finding: str) -> Incident | None:
        """What was decided of a finding, with its grades."""
        return next((one for one in self.all() if one.finding == finding), None)

    def all(self) -> list[Incident]:
        """Every decision, oldest first, with its grades."""
        grades: dict[str, list[Grade]] = {}
        with transaction(self._engine) as connection:
            given = select(tables.grades.c.finding, tables.grades.c.body)
            for id, body in connection.execute(given.order_by(tables.grades.c.grader)):
                grades.setdefault(id, []).append(msgspec.json.decode(body, type=Grade))
            table = tables.incidents
            query = select(table.c.body).order_by(table.c.decided, table.c.finding)
            bodies = connection.execute(query).scalars().all()
        decided = [msgspec.json.decode(body, type=Incident) for body in bodies]
        return [
            msgspec.structs.replace(one, grades=tuple(grades.get(one.finding, ())))
            for one in decided
        ]
