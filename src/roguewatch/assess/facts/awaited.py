"""Facts that nothing measures yet, and those that only people can state.

They exist so that what rests on them is unassessed, and not forgotten.
"""

from __future__ import annotations

from roguewatch.assess.facts.fact import Measured, fact


def _nothing(_: object) -> Measured | None:
    return None


for _id, _statement, _unit, _method in (
    ("coverage.unknown_share", "Share of all agent activity that left no record here", "share",
     "needs a count that does not come from the transcripts: provider usage or billing"),
    ("monitors.live_recall", "Share of attacks on the live monitors that they flag", "share",
     "needs language-model monitors and a red-team campaign against them"),
    ("monitors.live_share", "Share of activity that a language-model monitor looked at", "share",
     "needs language-model monitors"),
    ("review.seen_share", "Share of activity that a person looked at", "share",
     "needs the review queue"),
    ("review.median_seconds", "Time from a flag to a person, median", "seconds",
     "needs the review queue"),
    ("reconciliation.agreement", "Share of actions on which independent records agree", "share",
     "needs host, provider or cloud records beside the transcripts"),
):  # fmt: skip
    fact(_id, _statement, _unit, of="", method=_method, scope="entity")(_nothing)

for _axis in ("overreach", "deception"):
    for _rung in ("incidental", "routine", "active"):
        fact(
            f"judgement.{_axis}.{_rung}",
            f"A named person's judgement: {_axis} against rung {_rung} is well within, at the "
            "edge of, or well beyond what these agents could do",
            "state", of="", kind="stated", scope="either",
            method="only a person can state it: roguewatch facts state",
            falsifier="a demonstration or a test that shows otherwise",
        )(_nothing)  # fmt: skip
