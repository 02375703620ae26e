"""The target on executed injections, on published runs where they are at hand."""

from __future__ import annotations

import pytest
from benchmarks.cause import injected, load

from tests.build import SHARED


@pytest.mark.skipif(not (SHARED / "agentdojo").is_dir(), reason="the shared runs are not here")
def test_executed_injections_are_found_and_resisted_ones_told_apart() -> None:
    runs = load(SHARED / "agentdojo")
    found = {label: [injected(run.events) for run in runs if run.label == label]
             for label in ("executed", "resisted", "unseen", "clean")}  # fmt: skip
    assert sum(found["executed"]) >= 0.9 * len(found["executed"])
    assert sum(found["clean"]) <= 0.01 * len(found["clean"])
    # By the label alone "resisted" holds runs that obeyed but were graded otherwise
    # (docs/claims-and-causes.md); all runs whose goal was not executed are counted here.
    kept = found["resisted"] + found["unseen"]
    assert sum(kept) <= 0.03 * len(kept)
