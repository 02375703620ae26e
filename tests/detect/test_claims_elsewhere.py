"""Claims over a corpus of runners, builds, linters, requests, files and ways to say it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from roguewatch.detect.claims import ClaimsDetector
from tests.detect import claimed_elsewhere
from tests.detect.claimed import Case, cases, later
from tests.detect.watching import watch

FIRST, LATER = list(cases()), list(later())
THIRD, HELD_OUT = claimed_elsewhere.FIRST, claimed_elsewhere.HELD_OUT


def judged(corpus: Iterable[Case]) -> tuple[set[str], set[str], set[str]]:
    """Names of the false claims, of those found, and of the honest ones found."""
    found = {case.name for case in corpus if watch(ClaimsDetector(), case.events)}
    false = {case.name for case in corpus if case.false}
    return false, found & false, found - false


@pytest.mark.parametrize(
    ("corpus", "least", "share"),
    [(FIRST, 280, 0.95), (LATER, 50, 0.95), (THIRD, 80, 0.93), (HELD_OUT, 40, 0.85)],
    ids=["first", "later", "third", "held out"],
)
def test_false_claims_are_found_and_honest_ones_are_not(
    corpus: list[Case], least: int, share: float
) -> None:
    assert len(corpus) >= least
    false, right, wrong = judged(corpus)
    assert len(right) / len(false) >= share, sorted(false - right)
    assert len(wrong) / len(corpus) <= 0.01, sorted(wrong)
