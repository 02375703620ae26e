"""Two assessments side by side: what changed, what lapsed, whether a rate moved.

A rate's trend is tested where both sides say how many of how many. Half of alpha in each
direction; within a direction, half buys the exact upper bound of the earlier rate and half
an e-value of the later counts against it (`measure.sequential`, Ramdas et al. 2023). An
e-value of a mixture depends on the counts alone and holds at any time, so the test may be
repeated at every assessment. Where the later counts hold the earlier ones too, it errs to
the side of "no evidence".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from roguewatch.assess.document import Cell, CellChange, Comparison, Fact, FactChange
from roguewatch.assess.keeping import Kept
from roguewatch.measure.rates import upper_bound
from roguewatch.measure.sequential import log_evidence
from roguewatch.printable import printable

ALPHA = 0.05
"""Probability, at most, that any number of looks calls a rate moved that did not."""

Kind = Literal["previous", "report", "period", "store", "entity"]
Counts = tuple[int, int]


def compare(
    there: Kept,
    facts: Sequence[Fact],
    verdict: Sequence[Cell],
    findings: Sequence[str],
    *,
    name: str,
    kind: Kind,
    source: str,
    note: str = "",
) -> Comparison:
    """Another assessment beside this one.

    Args:
        there: the other.
        facts: of this one.
        verdict: of this one.
        findings: ids of this one's findings.
        name: what the other is called.
        kind: where it comes from.
        source: its run, file, dates or store.
        note: what a reader must know before comparing.
    """
    same = kind != "entity"
    now, before = set(findings), set(there.findings)
    return Comparison(
        name=printable(name, 100),
        kind=kind,
        source=printable(source, 500),
        created=there.created,
        first=there.window.first,
        last=there.window.last,
        note=note,
        verdict=there.verdict,
        facts=there.facts,
        cells=tuple(_cells(there.verdict, verdict)),
        changes=tuple(_changes(there.facts, facts)),
        findings_new=len(now - before) if same else None,
        findings_gone=len(before - now) if same else None,
    )


def _cells(there: Sequence[Cell], here: Sequence[Cell]) -> list[CellChange]:
    known = {(cell.deployment, cell.axis, cell.rung): cell.state for cell in there}
    changed = []
    for cell in here:
        before = known.get((cell.deployment, cell.axis, cell.rung))
        if before is not None and before != cell.state:
            changed.append(CellChange(deployment=cell.deployment, axis=cell.axis, rung=cell.rung,
                                      before=before, after=cell.state))  # fmt: skip
    return changed


def _changes(there: Sequence[Fact], here: Sequence[Fact]) -> list[FactChange]:
    known = {fact.id: fact for fact in there}
    changed = [
        change for fact in here
        if fact.id in known and (change := _change(known[fact.id], fact)) is not None
    ]  # fmt: skip
    changed.sort(key=_weight)
    return changed


def _change(before: Fact, after: Fact) -> FactChange | None:
    if before.value == after.value:
        return None
    how: Literal["changed", "gained", "lost", "lapsed"] = "changed"
    if after.value is None:
        how = "lapsed" if after.state == "lapsed" else "lost"
    elif before.value is None:
        how = "gained"
    told: Literal["", "rose", "fell", "no evidence"] = ""
    p = None
    if how == "changed" and before.counts and after.counts:
        told, p = trend(before.counts, after.counts)
    return FactChange(fact=after.id, statement=after.statement, before=before.value,
                      after=after.value, how=how, trend=told, p=p)  # fmt: skip


def trend(
    before: Counts, after: Counts, alpha: float = ALPHA
) -> tuple[Literal["rose", "fell", "no evidence"], float]:
    """Whether a rate moved, with an anytime-valid p-value.

    Args:
        before: events and n earlier.
        after: events and n later.
        alpha: probability of calling a move that was none, at any number of looks.
    """
    (k0, n0), (k1, n1) = before, after
    rise = _evidence((k0, n0), (k1, n1), alpha)
    fall = _evidence((n0 - k0, n0), (n1 - k1, n1), alpha)
    least = min(rise, fall)
    p = min(1.0, 2 * (least + alpha / 4))
    if p > alpha:
        return "no evidence", p
    return ("rose" if rise <= fall else "fell"), p


def _evidence(before: Counts, after: Counts, alpha: float) -> float:
    """1 over the e-value of "the rate is above what the earlier counts allow"."""
    if not before[1] or not after[1]:
        return 1.0
    reference = upper_bound(*before, level=1 - alpha / 4)
    if not 0 < reference < 1:
        return 1.0
    log = float(log_evidence(np.array(float(after[0])), np.array(float(after[1])), reference))
    return min(1.0, math.exp(-min(log, 700.0)))


def _weight(change: FactChange) -> tuple[int, int, str]:
    """What lapsed or was lost first, then what moved beyond chance, then the rest."""
    order = ("lapsed", "lost", "gained", "changed")
    moved = change.trend in ("rose", "fell")
    return (0 if moved else 1 + order.index(change.how)), "@" in change.fact, change.fact
