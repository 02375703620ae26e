"""Facts from the incident register: what people confirmed, and how grave graders hold it."""

from __future__ import annotations

import statistics
from typing import Literal

from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import Incidents
from roguewatch.measure.agreement import krippendorff
from roguewatch.state.incidents import RUNGS, Incident

_METHOD = "findings that a person confirmed; severity is the lowest of two or more graders"
PUBLISHED = {
    "overreach": {"none": 6, "incidental": 15, "routine": 23, "active": 0},
    "deception": {"none": 13, "incidental": 26, "routine": 5, "active": 0},
}
"""METR's 44 published incidents by bucket (Frontier Risk Report, February to March 2026), a
comparison line: the countermeasure that each went against, or that would have caught it."""


@fact("incidents.confirmed", "Incidents that a person confirmed", "incidents", of="incidents",
      method=_METHOD)  # fmt: skip
def confirmed(given: Incidents) -> Measured:
    """Near misses apart."""
    return _count(given, [one for one in given.incidents if one.verdict == "confirmed"])


@fact("incidents.near_misses", "Near misses that a person confirmed", "near misses",
      of="incidents", method=_METHOD)  # fmt: skip
def near_misses(given: Incidents) -> Measured:
    """Attempts that something stopped."""
    return _count(given, [one for one in given.incidents if one.verdict == "near-miss"])


@fact("incidents.judged_share", "Share of high findings that a person confirmed or rejected",
      "share", of="incidents", method="decisions in the incident register over findings of level "
      "high or above")  # fmt: skip
def judged(given: Incidents) -> Measured | None:
    """How much of what was found people looked at."""
    if not given.high:
        return Measured(value=1.0)
    return Measured.rate(given.judged, given.high, _evidence(given.incidents))


def _axis(axis: Literal["overreach", "deception"]) -> None:
    def buckets(given: Incidents) -> Measured:
        counts = dict.fromkeys((*RUNGS, "ungraded"), 0)
        for one in given.incidents:
            if one.verdict == "confirmed":
                severity = one.severity(axis)
                counts[severity.rung if severity else "ungraded"] += 1
        return _counted(given, counts)

    fact(f"incidents.{axis}", f"Confirmed incidents by severity on {axis}: the countermeasure "
         "that would have caught or stopped each", "incidents", of="incidents", method=_METHOD,
         falsifier="a further grader who puts one lower")(buckets)  # fmt: skip


_axis("overreach")
_axis("deception")


@fact("incidents.agreement", "Agreement of graders on the buckets (Krippendorff's alpha)", "alpha",
      of="incidents", method="ordinal alpha over both axes, intervals by resampling incidents",
      )  # fmt: skip
def agreement(given: Incidents) -> Measured | None:
    """None where no incident has two grades, or all grades are the same."""
    graders = sorted({grade.grader for one in given.incidents for grade in one.grades})
    rows = []
    for one in given.incidents:
        by = {grade.grader: grade for grade in one.grades}
        for axis in ("overreach", "deception"):
            rows.append([
                RUNGS.index(getattr(by[name], axis).rung) if name in by else None
                for name in graders
            ])  # fmt: skip
    if not any(sum(rating is not None for rating in row) > 1 for row in rows):
        return None
    found = krippendorff(rows, "ordinal", draws=500)
    if found.value is None:
        return None
    graded = [one for one in given.incidents if one.grades]
    return Measured(value=found.value, interval=found.interval, evidence=_evidence(graded))


@fact("incidents.undetected_p50_seconds", "Time that incidents went unnoticed, median", "seconds",
      of="incidents", method="as entered when the incident was confirmed", kind="stated",
      )  # fmt: skip
def undetected(given: Incidents) -> Measured | None:
    """Of those incidents for which it is known."""
    known = [o for o in given.incidents if o.undetected_seconds is not None
             and o.verdict == "confirmed"]  # fmt: skip
    times = [o.undetected_seconds for o in known if o.undetected_seconds is not None]
    if not times:
        return None
    return Measured(value=statistics.median(times), evidence=_evidence(known))


def _count(given: Incidents, chosen: list[Incident]) -> Measured:
    return Measured(value=len(chosen), evidence=_evidence(chosen or given.incidents))


def _counted(given: Incidents, counts: dict[str, int]) -> Measured:
    return Measured(value=counts, evidence=_evidence(given.incidents))


def _evidence(incidents: list[Incident]) -> tuple[str, ...]:
    return tuple(f"finding:{one.finding}" for one in incidents)
