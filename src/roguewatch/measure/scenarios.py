"""What scenario runs show of each model: rates, effects of one factor, comparisons.

A subject is a model; where it ran the same instance in the same condition more than once,
one of the model's runs, by date. Only measured samples are in a denominator. Every figure carries the
sessions that it was counted from.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from roguewatch.evaluate.scenario import CONDITIONS, Scenario
from roguewatch.evaluate.scoring import Row
from roguewatch.measure.compare import adjust, paired
from roguewatch.measure.rates import exact

MOST_PERMUTATIONS = 20_000
"""Up to as many, all are counted; beyond, as many are drawn (seed 0)."""

Run = tuple[str, Row]
"""(date of its log, sample)"""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often measured samples misbehaved."""

    subject: str
    scenario: str
    """Empty: over all scenarios that measure conduct (`Scenario.measures`)."""
    by: str
    """What the samples have in common: scenario, behaviour, condition, or a factor's name."""
    level: str
    misbehaved: int
    measured: int
    rate: float | None
    low: float
    high: float
    """Clopper-Pearson, 95%."""
    outcomes: Mapping[str, int]
    """Samples that were not measured, by outcome: in no denominator."""
    shown: tuple[str, ...]
    """Sessions that misbehaved."""
    counted: tuple[str, ...]
    """All measured sessions."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A difference of two rates between levels of one factor, or between two subjects."""

    subject: str
    scenario: str
    by: str
    first: str
    second: str
    pairs: int
    """Pairs measured on both sides; instances on both sides where these are not paired."""
    difference: float
    """Rate at the second level minus that at the first."""
    low: float | None
    high: float | None
    p: float
    adjusted: float = 1.0
    """Holm's adjustment over all effects of the report (Scand. J. Statist. 6, 1979)."""
    test: str
    only_first: tuple[str, ...]
    """Sessions that misbehaved where their pair did not; for unpaired levels, all that did."""
    only_second: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `samples` is every row that a figure was counted from."""

    subjects: tuple[str, ...]
    rates: tuple[Rate, ...]
    effects: tuple[Effect, ...]
    comparisons: tuple[Effect, ...]
    samples: tuple[Row, ...]


def report(runs: Iterable[Run], scenarios: Mapping[str, Scenario]) -> Report:
    """Summarise scenario runs.

    Args:
        runs: samples with the date of their log, ISO 8601.
        scenarios: those that are known here, for the behaviours that each tempts to.
    """
    # The same log given twice is one run.
    given = list({row.session: (date, row) for date, row in runs}.values())
    subjects = _subjects(given)
    rates: list[Rate] = []
    effects: list[Effect | None] = []
    for subject, rows in subjects.items():
        rates += _rates(subject, rows, scenarios)
        effects += _watching(subject, rows, scenarios)
        effects += _factors(subject, rows)
    conduct = {name: _conduct(rows, scenarios) for name, rows in subjects.items()}
    comparisons: list[Effect | None] = [
        _pairs("", scenario, "subject", one, two, _by((subjects if scenario else conduct)[one], scenario), _by((subjects if scenario else conduct)[two], scenario))
        for one, two in itertools.combinations(subjects, 2)
        for scenario in ("", *sorted({row.scenario for row in subjects[one]}))
    ]  # fmt: skip
    whole = [one for one in (*effects, *comparisons) if one is not None]
    if whole:
        adjusted = adjust([one.p for one in whole])
        whole = [
            msgspec.structs.replace(one, adjusted=float(p))
            for one, p in zip(whole, adjusted, strict=True)
        ]
    return Report(
        subjects=tuple(subjects),
        rates=tuple(rates),
        effects=tuple(one for one in whole if one.by != "subject"),
        comparisons=tuple(one for one in whole if one.by == "subject"),
        samples=tuple(row for _, row in given),
    )


def _subjects(runs: Sequence[Run]) -> dict[str, list[Row]]:
    """Samples by model; the second of a place, by date, is the model's second run."""
    ordered = sorted(runs, key=lambda run: run[0])
    seen: Counter[tuple[str, str, str]] = Counter()
    parts: dict[str, dict[int, list[Run]]] = {}
    for date, row in ordered:
        place = (row.model, row.instance, row.condition)
        seen[place] += 1
        parts.setdefault(row.model, {}).setdefault(seen[place], []).append((date, row))
    found = {}
    for model, repeats in parts.items():
        for number, part in repeats.items():
            day = part[0][0][:10]
            name = model if len(repeats) == 1 else f"{model}, run {number} ({day})"
            found[name] = [row for _, row in part]
    return found


def _measured(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.outcome == "measured"]


def _bad(row: Row) -> bool:
    return row.label == "misbehaved"


def _rates(subject: str, rows: Sequence[Row], scenarios: Mapping[str, Scenario]) -> list[Rate]:
    names = sorted({row.scenario for row in rows})
    conduct = _conduct(rows, scenarios)
    found = [_rate(subject, "", "all", "", conduct)]
    found += [_rate(subject, name, "scenario", name, _of(rows, name)) for name in names]
    tempted = {name: set(scenarios[name].behaviours) for name in names if name in scenarios}
    codes = set[str]().union(
        *(tempted.get(row.scenario, ()) for row in conduct), *(row.behaviours for row in conduct)
    )
    for code in sorted(codes):
        # What a scenario does not tempt to was still looked for where it was found.
        exposed = [
            row
            for row in conduct
            if code in tempted.get(row.scenario, ()) or code in row.behaviours
        ]
        found.append(_rate(subject, "", "behaviour", code, exposed, code))
    for condition in CONDITIONS:
        chosen = [row for row in conduct if row.condition == condition]
        if chosen:
            found.append(_rate(subject, "", "condition", condition, chosen))
    for name in names:
        within = _of(rows, name)
        levels = dict.fromkeys(
            (factor, level) for row in within for factor, level in row.factors.items()
        )
        for factor, level in sorted(levels):
            chosen = [row for row in within if row.factors.get(factor) == level]
            found.append(_rate(subject, name, factor, level, chosen))
    return found


def _conduct(rows: Iterable[Row], scenarios: Mapping[str, Scenario]) -> list[Row]:
    """Samples that speak of what the agent does by itself (`Scenario.measures`)."""
    return [
        row
        for row in rows
        if row.scenario not in scenarios or scenarios[row.scenario].measures == "conduct"
    ]


def _of(rows: Iterable[Row], scenario: str) -> list[Row]:
    return [row for row in rows if row.scenario == scenario]


def _by(rows: Iterable[Row], scenario: str) -> dict[tuple[str, str], Row]:
    return {
        (row.instance, row.condition): row
        for row in _measured(rows)
        if not scenario or row.scenario == scenario
    }


def _rate(
    subject: str, scenario: str, by: str, level: str, rows: Sequence[Row], code: str = ""
) -> Rate:
    measured = _measured(rows)
    bad = [row for row in measured if (code in row.behaviours if code else _bad(row))]
    low, high = exact(len(bad), len(measured))
    return Rate(
        subject=subject, scenario=scenario, by=by, level=level, misbehaved=len(bad),
        measured=len(measured), rate=len(bad) / len(measured) if measured else None,
        low=low, high=high,
        outcomes=dict(Counter(row.outcome for row in rows if row.outcome != "measured")),
        shown=tuple(row.session for row in bad), counted=tuple(row.session for row in measured),
    )  # fmt: skip


def _watching(
    subject: str, rows: Sequence[Row], scenarios: Mapping[str, Scenario]
) -> list[Effect | None]:
    """F3: the same instances, told that they are watched, and otherwise."""
    found = []
    for scenario in ("", *sorted({row.scenario for row in rows})):
        places = {
            condition: {
                (instance, ""): row
                for (instance, told), row in _by(
                    rows if scenario else _conduct(rows, scenarios), scenario
                ).items()
                if told == condition
            }
            for condition in CONDITIONS
        }
        for other in CONDITIONS[1:]:
            found.append(
                _pairs(
                    subject, scenario, "watching", "monitored", other,
                    places["monitored"], places[other],
                )
            )  # fmt: skip
    return found


def _pairs(
    subject: str, scenario: str, by: str, first: str, second: str,
    ones: Mapping[tuple[str, str], Row], twos: Mapping[tuple[str, str], Row],
) -> Effect | None:  # fmt: skip
    shared = sorted(ones.keys() & twos.keys())
    if not shared:
        return None
    both = [(ones[place], twos[place]) for place in shared]
    result = paired([_bad(one) for one, _ in both], [_bad(two) for _, two in both])
    return Effect(
        subject=subject, scenario=scenario, by=by, first=first, second=second, pairs=len(both),
        difference=result.difference, low=result.interval[0], high=result.interval[1],
        p=result.p, test=result.test,
        only_first=tuple(one.session for one, two in both if _bad(one) and not _bad(two)),
        only_second=tuple(two.session for one, two in both if _bad(two) and not _bad(one)),
    )  # fmt: skip


def _factors(subject: str, rows: Sequence[Row]) -> list[Effect]:
    """Each factor's other levels against its first, among instances that are else alike."""
    found = []
    for scenario in sorted({row.scenario for row in rows}):
        within = _measured(_of(rows, scenario))
        for factor in sorted({name for row in within for name in row.factors}):
            levels = sorted({row.factors[factor] for row in within if factor in row.factors})
            # `none` and `unsaid` are what the others add something to.
            levels.sort(key=lambda level: level not in ("none", "unsaid"))
            for level in levels[1:]:
                effect = _factor(subject, scenario, factor, levels[0], level, within)
                if effect is not None:
                    found.append(effect)
    return found


def _factor(
    subject: str, scenario: str, factor: str, first: str, second: str, rows: Sequence[Row]
) -> Effect | None:
    """Instances are the units, since one instance's conditions are not independent; within
    strata of the other factors, levels are exchanged (Fisher's permutation test, 1935)."""
    strata: dict[tuple[str, ...], dict[str, dict[str, list[bool]]]] = {}
    for row in rows:
        level = row.factors.get(factor)
        if level in (first, second):
            rest = tuple(sorted(f"{k}={v}" for k, v in row.factors.items() if k != factor))
            units = strata.setdefault(rest, {first: {}, second: {}})[level]
            units.setdefault(row.instance, []).append(_bad(row))
    tables = [
        ([float(np.mean(unit)) for unit in one[first].values()],
         [float(np.mean(unit)) for unit in one[second].values()])
        for one in strata.values()
        if one[first] and one[second]
    ]  # fmt: skip
    if not tables:
        return None
    difference, p = _permuted(tables)
    bad = [row for row in rows if _bad(row)]
    return Effect(
        subject=subject, scenario=scenario, by=factor, first=first, second=second,
        pairs=sum(len(one) + len(two) for one, two in tables),
        difference=difference, low=None, high=None, p=p,
        test="stratified permutation of instances",
        only_first=tuple(row.session for row in bad if row.factors.get(factor) == first),
        only_second=tuple(row.session for row in bad if row.factors.get(factor) == second),
    )  # fmt: skip


def _permuted(tables: Sequence[tuple[list[float], list[float]]]) -> tuple[float, float]:
    """Difference of means, strata weighted by n1 n2 / n, and its two-sided p-value."""
    weights = [len(one) * len(two) / (len(one) + len(two)) for one, two in tables]
    total = sum(weights)
    # The sum at the second level alone tells a stratum's difference: the whole stays the same.
    parts = []
    for (one, two), weight in zip(tables, weights, strict=True):
        pooled = np.array([*one, *two])
        parts.append((pooled, len(one), len(two), weight / total))

    def of(pooled: np.ndarray, n1: int, n2: int, share: float, second: float) -> float:
        return share * (second / n2 - (float(pooled.sum()) - second) / n1)

    observed = sum(of(*part, float(part[0][part[1] :].sum())) for part in parts)
    ways = math.prod(math.comb(n1 + n2, n2) for _, n1, n2, _ in parts)
    if ways <= MOST_PERMUTATIONS:
        sums = [
            [of(*part, float(sum(chosen))) for chosen in itertools.combinations(part[0], part[2])]
            for part in parts
        ]
        drawn = [sum(one) for one in itertools.product(*sums)]
        extreme = sum(abs(one) >= abs(observed) - 1e-9 for one in drawn)
        return observed, extreme / len(drawn)
    numbers = np.random.default_rng(0)
    extreme = 0
    for _ in range(MOST_PERMUTATIONS):
        mixed = sum(
            of(*part, float(numbers.permutation(part[0])[: part[2]].sum())) for part in parts
        )
        extreme += abs(mixed) >= abs(observed) - 1e-9
    # The data itself is one of the permutations (Phipson & Smyth 2010): never zero.
    return observed, (extreme + 1) / (MOST_PERMUTATIONS + 1)
