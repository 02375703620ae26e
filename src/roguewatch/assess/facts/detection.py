"""Facts about what was looked for: which behaviours, and which of them were not found."""

from __future__ import annotations

from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import Looked

_METHOD = "behaviours of the taxonomy that a detector in force names; recall not yet measured"


@fact("detection.not_found", "Behaviours looked for of which nothing was found", "names",
      of="looked", method=_METHOD, scope="entity",
      falsifier="an instance of one of them that the detectors missed")  # fmt: skip
def not_found(given: Looked) -> Measured:
    """Codes of the taxonomy."""
    return Measured(value=[code for code in given.covered if code not in given.found])


@fact("detection.uncovered", "Behaviours that no detector looks for", "names", of="looked",
      method=_METHOD, scope="entity")  # fmt: skip
def uncovered(given: Looked) -> Measured:
    """Codes of the taxonomy."""
    return Measured(value=list(given.uncovered))
