"""Plots of what was measured. Needs the optional part [measure] (matplotlib)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError, MissingExtraError
from roguewatch.measure.capability import CapabilityCurve, Trial
from roguewatch.measure.horizon import Horizon
from roguewatch.measure.instrument import Curve
from roguewatch.measure.rates import Rate
from roguewatch.measure.simulate.deployment import Result
from roguewatch.measure.trend import Release, Trend
from roguewatch.printable import printable, printable_path

Array = NDArray[np.float64]

_TICKS = (1 / 60, 1, 4, 15, 60, 240, 960, 2880)
_TICK_NAMES = ("1 s", "1 min", "4 min", "15 min", "1 h", "4 h", "16 h", "2 d")


def _figure(width: float = 8, height: float = 5) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting", "measure") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=144)
    except (OSError, ValueError) as error:
        problem = printable(str(error), 200)
        raise InputError(f"{printable_path(path)}: cannot write the plot: {problem}") from error


def _name(text: str) -> str:
    """A name as a label: no control characters, and no mathtext from hostile `$`."""
    return printable(text, 40).replace("$", r"\$")


def _minutes(axis: Any) -> None:
    axis.set_major_locator(_fixed(_TICKS))
    axis.set_ticks(_TICKS, _TICK_NAMES)
    axis.set_ticks([], minor=True)


def _fixed(ticks: Sequence[float]) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator(ticks)


def plot_horizons(horizons: Sequence[Horizon], path: Path) -> None:
    """Fitted success against human time, with calibration bins and 50% intervals."""
    figure, axes = _figure(9, 5.5)
    shown = [h for h in horizons if h.slope is not None and h.intercept is not None][:12]
    for number, horizon in enumerate(shown):
        colour = f"C{number % 10}"
        top = math.log2(max(h.longest for h in shown)) + 0.5
        x = np.linspace(-4, top, 300)
        logit = (horizon.intercept or 0.0) + (horizon.slope or 0.0) * x
        # Dotted beyond the longest task: an extrapolation.
        beyond = np.exp2(x) > horizon.longest
        chance = 1 / (1 + np.exp(-logit))
        axes.plot(np.exp2(x[~beyond]), chance[~beyond], color=colour, label=_name(horizon.agent))
        axes.plot(np.exp2(x[beyond]), chance[beyond], ":", color=colour)
        for group in horizon.calibration:
            high = group.high or horizon.longest
            middle = math.sqrt(max(group.low, 0.1) * max(high, 0.2))
            size = 10 + 4 * math.sqrt(group.runs)
            axes.scatter(middle, group.observed, s=size, color=colour, alpha=0.45, linewidths=0)
        if horizon.p50_interval is not None and horizon.p50:
            low, end = horizon.p50_interval
            limits = [max(low, 2**-4), min(end or 2**top, 2**top)]
            axes.plot(limits, [0.5 - 0.006 * number] * 2, color=colour, linewidth=3, alpha=0.6)
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set_xscale("log", base=2)
    if shown:
        axes.set_xlim(2**-4, 2**top)
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _minutes(axes.xaxis)
    axes.set(xlabel="human time of the task", ylabel="success", ylim=(-0.02, 1.02))
    axes.set_title("Success against human time; bars: 95% interval of the 50% horizon", fontsize=10)
    _save(figure, path)


def plot_trend(releases: Sequence[Release], trend: Trend, path: Path) -> None:
    """Horizons over release dates, with the fitted trend."""
    figure, axes = _figure()
    used = set(trend.agents)
    for release in releases:
        colour = "C0" if release.agent in used else "lightgrey"
        errors = None
        if release.low and release.high:
            errors = [[release.p50 - release.low], [release.high - release.p50]]
        axes.errorbar(release.released, release.p50, yerr=errors, fmt="o", color=colour, capsize=2)
    kept = [release for release in releases if release.agent in used]
    days = np.array([release.released.toordinal() for release in kept], dtype=np.float64)
    height = np.log2([release.p50 for release in kept])
    slope = float(np.polyfit(days - days.mean(), height, 1)[0])
    line = np.array([days.min(), days.max()])
    axes.plot(
        [date.fromordinal(int(day)) for day in line],
        np.exp2(height.mean() + slope * (line - days.mean())),
        color="C3",
    )
    axes.set_yscale("log", base=2)
    _minutes(axes.yaxis)
    axes.set_ylabel("50% horizon")
    doubling = "no rise" if trend.doubling_days is None else f"{trend.doubling_days:.0f} days"
    axes.set_title(f"Doubling time {doubling}{_interval(trend.interval)}", fontsize=10)
    figure.autofmt_xdate()
    _save(figure, path)


def _interval(ends: tuple[float, float | None] | None) -> str:
    if ends is None:
        return ""
    return f" [{ends[0]:.0f}, {'∞' if ends[1] is None else f'{ends[1]:.0f}'}]"


def plot_roc(curve: Curve, auroc: float, path: Path) -> None:
    """The ROC curve, on a logarithmic false-positive axis where monitors are used."""
    figure, axes = _figure(6, 5)
    least = float(curve.fpr[curve.fpr > 0].min())
    axes.step(np.maximum(curve.fpr, least / 2), curve.tpr, where="post")
    grid = np.geomspace(least / 2, 1, 100)
    axes.plot(grid, grid, ":", color="grey", label="chance")
    for mark in (0.01, 0.05):
        axes.axvline(mark, color="grey", linewidth=0.7)
    axes.set_xscale("log")
    axes.set(xlabel="false-positive rate", ylabel="true-positive rate", ylim=(-0.02, 1.02))
    axes.set_title(f"AUROC {auroc:.3f}", fontsize=10)
    axes.legend(frameon=False)
    _save(figure, path)


def plot_rates(rates: Sequence[tuple[str, Rate]], path: Path) -> None:
    """Rates with their exact intervals, one line each."""
    _forest(
        [(name, rate.rate, rate.exact) for name, rate in rates], "rate, exact 95% interval", path
    )


def plot_effects(
    each: Sequence[tuple[str, float, float]], pooled: tuple[float, tuple[float, float]], path: Path
) -> None:
    """Watched-unwatched effects of scenarios, and the pooled one."""
    lines: list[tuple[str, float | None, tuple[float, float]]] = [
        (name, effect, (effect - 1.96 * error, effect + 1.96 * error))
        for name, effect, error in each
    ]
    _forest([*lines, ("all", pooled[0], pooled[1])], "rate unwatched - rate watched", path)


def _forest(
    lines: Sequence[tuple[str, float | None, tuple[float, float]]], label: str, path: Path
) -> None:
    figure, axes = _figure(7, 1.2 + 0.35 * len(lines))
    for place, (_, value, ends) in enumerate(reversed(lines)):
        axes.plot(ends, [place, place], color="C0", linewidth=2)
        if value is not None:
            axes.plot(value, place, "o", color="C0")
    axes.set_yticks(range(len(lines)), [_name(name) for name, _, _ in reversed(lines)])
    axes.set_xlabel(label)
    _save(figure, path)


def plot_simulation(results: Sequence[Result], path: Path) -> None:
    """Safety of each deployment, and how it moves with each varied field."""
    fields = sorted({variation.field for result in results for variation in result.sensitivity})
    if not fields:
        return _forest(
            [
                (result.outcome.name, result.outcome.safety, result.outcome.safety_interval)
                for result in results
            ],
            "safety",
            path,
        )
    figure, axes = _figure(3.6 * len(fields), 3.8)
    figure.delaxes(axes)
    for number, field in enumerate(fields):
        panel = figure.add_subplot(1, len(fields), number + 1)
        for result in results:
            points = sorted((v.value, v.safety) for v in result.sensitivity if v.field == field)
            panel.plot(*zip(*points, strict=True), "o-", label=_name(result.outcome.name))
            if points[0][0] > 0 and points[-1][0] / points[0][0] > 20:
                panel.set_xscale("log")
        panel.set(xlabel=_name(field), ylim=(-0.02, 1.02))
        panel.grid(alpha=0.25)
        if number == 0:
            panel.set_ylabel("safety")
            panel.legend(fontsize=7, frameon=False)
    return _save(figure, path)


def plot_sequence(
    outcomes: Array, interval: Callable[[int, int], tuple[float, float]], path: Path
) -> None:
    """A running rate with its confidence sequence."""
    figure, axes = _figure()
    n = np.unique(np.geomspace(1, len(outcomes), 200).astype(int))
    events = np.cumsum(outcomes)[n - 1].astype(int)
    ends = np.array([interval(int(e), int(size)) for e, size in zip(events, n, strict=True)])
    axes.fill_between(n, ends[:, 0], ends[:, 1], alpha=0.25, label="95% at all times together")
    axes.plot(n, events / n, label="rate so far")
    axes.set(xlabel="outcomes", ylabel="rate", ylim=(0, 1))
    axes.legend(frameon=False)
    _save(figure, path)


def plot_capability(trials: Sequence[Trial], curve: CapabilityCurve, path: Path) -> None:
    """Uncaught share against monitor strength, and the strength needed."""
    figure, axes = _figure()
    for trial in trials:
        if trial.attacks:
            axes.plot(trial.strength, trial.uncaught / trial.attacks, "o", color="C0")
    reach = [trial.strength for trial in trials] + ([curve.needed] if curve.needed else [])
    x = np.linspace(min(reach), max(reach), 200)
    axes.plot(x, 1 / (1 + np.exp(-(curve.intercept + curve.slope * x))), color="C0")
    axes.axhline(curve.target, color="grey", linewidth=0.8)
    if curve.needed is not None:
        axes.axvline(curve.needed, color="C3", linestyle="--")
    axes.set(xlabel="strength of the monitor", ylabel="uncaught share", ylim=(-0.02, 1.02))
    _save(figure, path)
