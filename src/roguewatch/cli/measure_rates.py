"""Rates under `roguewatch measure`: intervals, comparisons, sample sizes, change over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from roguewatch.cli.measure_options import FILE, LEVEL, PLOT
from roguewatch.cli.measure_tables import print_found, print_json, show
from roguewatch.cli.options import json_option
from roguewatch.errors import InputError


@click.command("rates")
@click.argument("file", type=FILE, required=False)
@click.option("--events", type=click.IntRange(0), help="Instead of FILE: events …")
@click.option("--n", type=click.IntRange(0), help="… of n.")
@click.option("--of", default="", help="What is counted over what: the declared denominator.")
@LEVEL
@PLOT
@json_option
def rates_command(
    file: Path | None, events: int | None, n: int | None, of: str, level: float,
    plot: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Rates with exact, Wilson and clustered intervals, and all groups compared.

    FILE holds JSON lines with event (0 or 1), and optionally group and cluster (session,
    agent or task that observations share).
    """
    from roguewatch.measure.rates import rate

    if file is None:
        if events is None or n is None:
            raise InputError("give a FILE, or --events and --n")
        print_found(rate(events, n, of, level), "Rate", as_json)
        return
    groups = _groups(file)
    named = [(name, rate(*_totals(clusters), of, level)) for name, clusters in groups.items()]
    document = {
        "rates": [{"group": name, **msgspec.to_builtins(found)} for name, found in named],
        "clustered": _clustered(groups, level),
        "comparisons": _comparisons([(name, r.events, r.n) for name, r in named], level),
    }
    if plot is not None:
        from roguewatch.measure.plots import plot_rates

        plot_rates(named, plot)
    if as_json:
        print_json(document)
        return
    for title, lines in document.items():
        if lines:
            show(lines, title.capitalize())


def _groups(file: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Events and observations of each cluster of each group."""
    from roguewatch.measure.rows import read_rows

    groups: dict[str, dict[str, tuple[int, int]]] = {}
    for number, row in enumerate(read_rows(file)):
        if row.find(("event",)) is None:
            raise row.wrong("event", "0 or 1")
        group = row.text(("group",)) if row.find(("group",)) else "all"
        # Without clusters every observation is one of its own.
        cluster = row.text(("cluster",)) if row.find(("cluster",)) else f"\0{number}"
        events, n = groups.setdefault(group, {}).get(cluster, (0, 0))
        groups[group][cluster] = events + row.flag(("event",)), n + 1
    return groups


def _totals(clusters: dict[str, tuple[int, int]]) -> tuple[int, int]:
    return sum(e for e, _ in clusters.values()), sum(n for _, n in clusters.values())


def _clustered(groups: dict[str, dict[str, tuple[int, int]]], level: float) -> list[dict[str, Any]]:
    from roguewatch.measure.rates import beta_binomial, cluster_bootstrap

    lines = []
    for name, clusters in groups.items():
        if any(cluster.startswith("\0") for cluster in clusters):
            continue
        events, n = zip(*clusters.values(), strict=True)
        for found in (
            cluster_bootstrap(events, n, level=level),
            beta_binomial(events, n, level=level),
        ):
            lines.append({"group": name, **msgspec.to_builtins(found)})
    return lines


def _comparisons(groups: list[tuple[str, int, int]], level: float) -> list[dict[str, Any]]:
    from itertools import combinations

    from roguewatch.measure.compare import adjust, independent

    if len(groups) > 50:
        raise InputError("over 50 groups: comparing each two of them would say little")
    pairs = list(combinations(groups, 2))
    found = [independent(e1, n1, e2, n2, level) for (_, e1, n1), (_, e2, n2) in pairs]
    adjusted = adjust([comparison.p for comparison in found])
    return [
        {
            "first": first[0], "second": second[0], "difference": one.difference,
            "interval": one.interval, "p": one.p, "p_holm": float(holm), "test": one.test,
        }
        for (first, second), one, holm in zip(pairs, found, adjusted, strict=True)
    ]  # fmt: skip


@click.command("compare")
@click.argument("file", type=FILE)
@LEVEL
@json_option
def compare_command(file: Path, level: float, as_json: bool) -> None:
    """Two outcomes of the same units (McNemar), or two arms within strata.

    FILE holds JSON lines with first and second (0 or 1), or with stratum, arm (1 or 2) and
    event (0 or 1).
    """
    from roguewatch.measure.compare import paired, stratified
    from roguewatch.measure.rows import read_rows

    first: list[bool] = []
    second: list[bool] = []
    strata: dict[str, list[int]] = {}
    for row in read_rows(file):
        if row.find(("stratum",)):
            table = strata.setdefault(row.text(("stratum",)), [0, 0, 0, 0])
            arm = row.number(("arm",), expected="1 or 2")
            if arm not in (1, 2):
                raise row.wrong("arm", "1 or 2")
            table[2 * int(arm) - 2] += row.flag(("event",))
            table[2 * int(arm) - 1] += 1
        else:
            for name, values in (("first", first), ("second", second)):
                if row.find((name,)) is None:
                    raise row.wrong(name, "0 or 1")
                values.append(row.flag((name,)))
    if strata and first:
        raise InputError("rows are either pairs (first, second) or strata (stratum, arm, event)")
    if strata:
        tables = [(a, b, c, d) for a, b, c, d in strata.values()]
        print_found(stratified(tables, level), "Stratified comparison", as_json)
    else:
        print_found(paired(first, second, level), "Paired comparison", as_json)


@click.command("power")
@click.option("--below", type=float, help="Show that a rate is under this.")
@click.option("--true-rate", default=0.0, show_default=True, help="What it is assumed to be.")
@click.option("--difference", nargs=2, type=float, help="Tell these two rates apart.")
@click.option("--precision", nargs=2, type=float, help="Know a RATE to within HALF_WIDTH.")
@click.option("--power", default=0.8, show_default=True, help="Wanted probability of success.")
@click.option("--cluster-size", default=1.0, show_default=True, help="Observations per cluster.")
@click.option("--correlation", default=0.0, show_default=True, help="Within clusters.")
@LEVEL
@json_option
def power_command(
    below: float | None, true_rate: float, difference: tuple[float, float] | None,
    precision: tuple[float, float] | None, power: float, cluster_size: float,
    correlation: float, level: float, as_json: bool,
) -> None:  # fmt: skip
    """How many runs a claim needs."""
    import math

    from roguewatch.measure.power import (
        design_effect,
        runs_for_difference,
        runs_for_precision,
        runs_to_show_below,
    )

    effect = design_effect(cluster_size, correlation)
    document: dict[str, Any]
    if below is not None:
        plan = runs_to_show_below(below, true_rate=true_rate, level=level, power=power)
        document = msgspec.to_builtins(plan)
    elif difference:
        n = runs_for_difference(*difference, power=power, level=level)
        document = {"n": n, "claim": "the two rates differ", "power": power, "per": "arm"}
    elif precision:
        document = {"n": runs_for_precision(*precision, level=level), "claim": "half width"}
    else:
        raise InputError("give --below, --difference or --precision")
    document |= {"design_effect": effect, "n_clustered": math.ceil(document["n"] * effect)}
    print_found(document, "Sample size", as_json)


@click.command("sequential")
@click.argument("file", type=FILE)
@click.option("--reference", type=click.FloatRange(0, 1), help="Rate to test against.")
@click.option("--baseline", nargs=2, type=int, help="Events and n of the last assessment.")
@click.option("--alpha", default=0.05, show_default=True, type=click.FloatRange(1e-9, 0.5),
              help="Probability of a false alarm, ever.")  # fmt: skip
@click.option("--run-length", default=10_000.0, show_default=True,
              help="Outcomes between false alarms of the change detector.")  # fmt: skip
@PLOT
@json_option
def sequential_command(
    file: Path, reference: float | None, baseline: tuple[int, int] | None, alpha: float,
    run_length: float, plot: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Has a rate risen since the last assessment? May be asked at any time.

    FILE holds JSON lines with event (0 or 1), in order.
    """
    from roguewatch.measure.rows import read_rows
    from roguewatch.measure.sequential import change_point, has_risen, rate_sequence

    outcomes = []
    for row in read_rows(file):
        if row.find(("event",)) is None:
            raise row.wrong("event", "0 or 1")
        outcomes.append(float(row.flag(("event",))))
    rise = has_risen(outcomes, reference=reference, baseline=baseline or None, alpha=alpha)
    change = change_point(outcomes, rise.reference, run_length=run_length)
    if plot is not None:
        import numpy as np

        from roguewatch.measure.plots import plot_sequence

        plot_sequence(np.array(outcomes), lambda e, n: rate_sequence(e, n, alpha), plot)
    if as_json:
        print_json({"rise": rise, "change": change})
        return
    show([msgspec.to_builtins(rise)], "Since the last assessment")
    show([msgspec.to_builtins(change)], "Change point")
