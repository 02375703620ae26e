"""Drawings of facts as SVG: no script, no network, nothing that is not measured looks good."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from roguewatch.assess.document import Assessment
from roguewatch.assess.drawings import drills, unattended
from roguewatch.assess.drawings.case import case
from roguewatch.assess.drawings.flow import flow
from roguewatch.assess.drawings.monitor import monitor
from roguewatch.assess.drawings.trend import columns, trend

__all__ = ["columns", "drawings"]


def drawings(assessment: Assessment) -> Mapping[str, Markup]:
    """Every drawing of an assessment, by name.

    Made from the facts of the document alone, so that what is redacted, lapsed or was never
    measured is so in the drawings too.
    """
    facts = {fact.id: fact for fact in assessment.facts}
    return {
        "flow": flow(facts),
        "stretches": unattended.stretches(facts),
        "horizon": unattended.horizon(facts),
        "monitor": monitor(facts),
        "notice": drills.noticed(facts),
        "dead": drills.dead(facts),
        "trend": trend(columns(assessment)),
        "case": case(assessment.safety_case),
    }
