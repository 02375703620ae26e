"""Drills on this machine: contained nothing survives; uncontained nothing goes unnamed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from roguewatch.control.drills.drill import drill
from roguewatch.control.drills.routes import ROUTES, Route
from roguewatch.control.drills.scope import MARKER, DrillScope
from roguewatch.errors import ControlError


@pytest.fixture
def scope(tmp_path: Path) -> DrillScope:
    (tmp_path / MARKER).touch()
    return DrillScope(tmp_path)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_contained_nothing_survives(route: Route, scope: DrillScope) -> None:
    result = drill(route, scope, contained=True)
    if result.skipped:
        pytest.skip(result.skipped)
    assert result.survivors == ()
    assert result.seconds_to_dead is not None
    assert result.seconds_to_dead < 2
    assert scope.left_over() == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_uncontained_every_survivor_is_named(route: Route, scope: DrillScope) -> None:
    result = drill(route, scope, contained=False)
    if result.skipped:
        pytest.skip(result.skipped)
    assert result.began
    assert result.unreported == ()
    assert scope.left_over() == []


def test_a_folder_that_nobody_authorised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="not authorised"):
        DrillScope(tmp_path)


def test_what_is_no_workspace_of_the_scope_is_not_cleaned(
    scope: DrillScope, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    with pytest.raises(ControlError, match="outside"):
        scope.clean(tmp_path / "precious")
    assert (tmp_path / "precious").is_dir()
