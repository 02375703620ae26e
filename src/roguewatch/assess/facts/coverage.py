"""Facts about coverage: what the sources that claim to see a deployment did see of it."""

from __future__ import annotations

from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import Watched

_METHOD = (
    "sightings of the same action joined on call id; what no source saw is in no count, and "
    "the register says which sources claim to cover a deployment"
)
_FALSE = "an independent record of an action that no source saw"


@fact("coverage.claimed_share", "Share of actions that the sources which claim to see them saw",
      "share", of="watched", method=_METHOD, falsifier=_FALSE)  # fmt: skip
def claimed(given: list[Watched]) -> Measured | None:
    """Seen over expected, of every source that the register claims."""
    own = [one for one in given if one.claimed]
    expected = sum(one.expected for one in own)
    return Measured.rate(min(expected, sum(one.seen for one in own)), expected, _evidence(own))


@fact("coverage.confirmed_share", "Share of actions in transcripts that another source saw too",
      "share", of="watched", method=_METHOD, falsifier=_FALSE)  # fmt: skip
def confirmed(given: list[Watched]) -> Measured | None:
    """Confirmed over seen, of transcripts."""
    own = [one for one in given if one.source == "transcript"]
    seen = sum(one.seen for one in own)
    return Measured.rate(min(seen, sum(one.confirmed for one in own)), seen, _evidence(own))


@fact("coverage.differing", "Actions of which two sources tell different things", "actions",
      of="watched", method=_METHOD,
      falsifier="a difference that the sources' formats explain")  # fmt: skip
def differing(given: list[Watched]) -> Measured:
    """Counted once for each source; the largest of them."""
    return Measured(
        value=max((one.differing for one in given), default=0), evidence=_evidence(given)
    )


def _evidence(given: list[Watched]) -> tuple[str, ...]:
    """Events that some source missed, and the entries of the register that claim it."""
    missed = [event for one in given for event in one.missed]
    return (*missed[:4], *(f"deployment:{one.deployment}" for one in given if one.deployment))
