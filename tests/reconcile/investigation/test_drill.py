"""A planted deployment is reconstructed in full, and its holes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from roguewatch.control.drills.scope import MARKER, DrillScope
from roguewatch.reconcile.investigation.drill import drill


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_planted_is_told_and_nothing_else(tmp_path: Path, seed: int) -> None:
    (tmp_path / MARKER).touch()
    found = drill(DrillScope(tmp_path), seed)
    assert found.missed == ()
    assert found.invented == ()
    assert found.completeness == 1.0
    assert found.planted["process"] == 4
    assert found.planted["lack"] == 4
    assert found.seconds < 30
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]
