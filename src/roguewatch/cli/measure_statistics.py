"""What the detectors missed, awareness, raters and monitors, under `roguewatch measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from roguewatch.cli.measure_options import FILE, LEVEL, PLOT
from roguewatch.cli.measure_tables import print_found, print_json, show
from roguewatch.cli.options import json_option
from roguewatch.errors import InputError


@click.command("missed")
@click.argument("file", type=FILE)
@click.option("--population", type=click.IntRange(1), help="Sessions that could be drawn.")
@LEVEL
@json_option
def missed_command(file: Path, population: int | None, level: float, as_json: bool) -> None:
    """What the detectors missed, from a human-reviewed sample.

    FILE holds one JSON line for each reviewed session with found (0 or 1) and propensity
    (with which it was drawn), for --population; or one for each stratum with stratum,
    population, reviewed and found.
    """
    from roguewatch.measure.rows import read_rows
    from roguewatch.measure.undetected import Stratum, horvitz_thompson, stratified

    found: list[bool] = []
    propensity: list[float] = []
    strata = []
    for row in read_rows(file):
        if row.find(("stratum",)):
            whole = {"low": 0.0, "high": 2.0**53, "expected": "a count"}
            counts = [row.number((n,), **whole) for n in ("population", "reviewed", "found")]  # type: ignore[arg-type]
            strata.append(Stratum(row.text(("stratum",)), *map(int, counts)))
        else:
            if row.find(("found",)) is None:
                raise row.wrong("found", "0 or 1")
            found.append(row.flag(("found",)))
            propensity.append(
                row.number(("propensity",), above=0.0, high=1.0, expected="above 0, at most 1")
            )
    if strata and found:
        raise InputError("rows are either reviewed sessions or strata, not both")
    if strata:
        print_found(stratified(strata, level), "Undetected", as_json)
        return
    if population is None:
        raise InputError("give --population: how many sessions could have been drawn")
    print_found(horvitz_thompson(found, propensity, population, level), "Undetected", as_json)


@click.command("recapture")
@click.argument("first", type=click.IntRange(0))
@click.argument("second", type=click.IntRange(0))
@click.argument("both", type=click.IntRange(0))
@LEVEL
@json_option
def recapture_command(first: int, second: int, both: int, level: float, as_json: bool) -> None:
    """How many cases there are in all, from two independent detectors.

    FIRST and SECOND are the cases that each found, BOTH those that both found.
    """
    from roguewatch.measure.undetected import capture_recapture

    print_found(capture_recapture(first, second, both, level), "Capture-recapture", as_json)


@click.command("awareness")
@click.argument("file", type=FILE)
@LEVEL
@PLOT
@json_option
def awareness_command(file: Path, level: float, plot: Path | None, as_json: bool) -> None:
    """Does conduct depend on being watched? The paired effect over scenarios.

    FILE holds one JSON line for each run with scenario, watched (true or false) and event
    (whether it misbehaved).
    """
    from roguewatch.measure.awareness import Scenario, paired_effect
    from roguewatch.measure.rows import read_rows

    table: dict[str, list[int]] = {}
    for row in read_rows(file):
        for name in ("watched", "event"):
            if row.find((name,)) is None:
                raise row.wrong(name, "true or false")
        counts = table.setdefault(row.text(("scenario",)), [0, 0, 0, 0])
        side = 2 * row.flag(("watched",))
        counts[side] += row.flag(("event",))
        counts[side + 1] += 1
    effect = paired_effect([Scenario(name, *counts) for name, counts in table.items()], level)
    if plot is not None:
        from roguewatch.measure.plots import plot_effects

        plot_effects(effect.each, (effect.effect, effect.interval), plot)
    print_found(effect, "Unwatched minus watched", as_json)


@click.command("agreement")
@click.argument("file", type=FILE)
@click.option("--measurement", default="nominal", show_default=True,
              type=click.Choice(["nominal", "ordinal", "interval", "ratio"]))  # fmt: skip
@json_option
def agreement_command(file: Path, measurement: Any, as_json: bool) -> None:
    """Agreement of raters: Krippendorff's alpha, Cohen's and Fleiss' kappa.

    FILE holds JSON lines with unit, rater and rating.
    """
    from roguewatch.measure.agreement import cohen, fleiss, krippendorff
    from roguewatch.measure.rows import read_rows

    units: dict[str, dict[str, Any]] = {}
    raters: dict[str, None] = {}
    for row in read_rows(file):
        unit, rater = row.text(("unit",)), row.text(("rater",))
        rating = row.fields.get("rating")
        if rating is not None and not isinstance(rating, str | int | float):
            raise row.wrong("rating", "a text, a number or null")
        if rater in units.setdefault(unit, {}):
            raise InputError(f"{row.place}: this rater has already rated this unit")
        units[unit][rater] = rating
        raters[rater] = None
    ratings = [[given.get(rater) for rater in raters] for given in units.values()]
    found = [krippendorff(ratings, measurement)]
    complete = all(rating is not None for unit in ratings for rating in unit)
    if complete and len(raters) == 2:
        found.append(cohen([unit[0] for unit in ratings], [unit[1] for unit in ratings]))
    if complete and len(raters) > 1:
        found.append(fleiss(ratings))
    print_found(found, "Agreement", as_json)


@click.command("capability")
@click.argument("file", type=FILE)
@click.option("--target", default=0.2, show_default=True, help="Uncaught share to reach.")
@PLOT
@json_option
def capability_command(file: Path, target: float, plot: Path | None, as_json: bool) -> None:
    """Uncaught share against monitor strength, and the strength needed.

    FILE holds JSON lines with strength, uncaught and attacks.
    """
    from roguewatch.measure.capability import Trial, capability_curve
    from roguewatch.measure.rows import read_rows

    count = {"low": 0.0, "high": 1e9, "expected": "a count"}
    trials = [
        Trial(
            row.number(("strength",)),
            int(row.number(("uncaught",), **count)),  # type: ignore[arg-type]
            int(row.number(("attacks",), **count)),  # type: ignore[arg-type]
        )
        for row in read_rows(file)
    ]
    curve = capability_curve(trials, target)
    if plot is not None:
        from roguewatch.measure.plots import plot_capability

        plot_capability(trials, curve, plot)
    print_found(curve, "Monitor capability", as_json)


@click.command("ensemble")
@click.argument("file", type=FILE)
@click.option("--fpr", default=0.01, show_default=True, type=click.FloatRange(0, 1))
@click.option("--rule", default="mean", show_default=True,
              type=click.Choice(["mean", "median", "max", "rank"]))  # fmt: skip
@json_option
def ensemble_command(file: Path, fpr: float, rule: str, as_json: bool) -> None:
    """Several monitors: agreement, error correlation, and every ensemble of them.

    FILE holds JSON lines with label (1 for an attack) and scores, an object with one score
    for each monitor.
    """
    from roguewatch.measure.ensembles import ensembles, pairs
    from roguewatch.measure.rows import Row, read_rows

    labels: list[bool] = []
    scores: dict[str, list[float]] = {}
    for number, row in enumerate(read_rows(file)):
        if row.find(("label",)) is None:
            raise row.wrong("label", "0 or 1")
        given = row.fields.get("scores")
        if not isinstance(given, dict) or not given:
            raise row.wrong("scores", "an object with one score for each monitor")
        if number == 0:
            scores = {str(name): [] for name in given}
        if set(given) != set(scores):
            raise row.wrong("scores", "the same monitors on every line")
        labels.append(row.flag(("label",)))
        for name in scores:
            scores[name].append(Row(f"{row.place}: scores", given).number((name,)))
    found = ensembles(labels, scores, fpr, rule)
    if as_json:
        print_json({"pairs": pairs(labels, scores, fpr), "ensembles": found})
        return
    show([msgspec.to_builtins(pair) for pair in pairs(labels, scores, fpr)], "Pairs")
    lines = [
        {
            "members": e.members, "auroc": e.auroc, "fpr": e.operating.fpr,
            "fnr": e.operating.fnr, "tpr_interval": e.operating.tpr_interval,
        }
        for e in found[:20]
    ]  # fmt: skip
    show(lines, f"Ensembles ({rule})")
