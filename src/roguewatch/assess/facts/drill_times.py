"""Facts with every drill's own time, so that a drawing shows drills and not only a median."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, inf

from roguewatch.assess.facts.drills import NOBODY, current, of_drills, oldest
from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import DrillResult

_METHOD = "latest drill of each route, containment and rung; skipped ones do not count"
_MEDIAN = (
    f"{_METHOD}; exact 95% interval from order statistics, where what was never noticed, or "
    "never died, counts as later than all others"
)
_FALSE = "a stop or intrusion by the same route that goes otherwise"


def _times(
    given: list[DrillResult], time: Callable[[DrillResult], float | None], rungs: tuple[int, ...]
) -> Measured | None:
    """Seconds of each drill by rung and route; a route of which none was timed has none."""
    ran = [one for one in current(given) if one.rung in rungs]
    found: dict[str, list[float]] = {}
    for one in ran:
        known = found.setdefault(f"rung {one.rung} {one.route}", [])
        if (seconds := time(one)) is not None:
            known.append(seconds)
    if not ran:
        return None
    return Measured(value={name: sorted(found[name]) for name in sorted(found)},
                    evidence=of_drills(ran), as_of=oldest(ran))  # fmt: skip


@fact("drills.notice_times", "Time until each planted deployment was noticed, drill by drill",
      "seconds, drill by drill", of="drills", method=_METHOD, falsifier=_FALSE, scope="either")  # fmt: skip
def notice_times(given: list[DrillResult]) -> Measured | None:
    """Of all rungs."""
    return _times(given, lambda one: one.seconds_to_notice, (1, 2, 3))


@fact("drills.dead_times", "Time from order to death, drill by drill", "seconds, drill by drill",
      of="drills", method=_METHOD, falsifier=_FALSE, scope="either")  # fmt: skip
def dead_times(given: list[DrillResult]) -> Measured | None:
    """Of rung 3; a drill that left a survivor has no time."""
    return _times(given, lambda one: None if one.survivors else one.seconds_to_dead, (3,))


def _count(given: list[DrillResult], of: list[DrillResult]) -> Measured | None:
    ran = current(given)
    if not ran:
        return None
    names = sorted({f"rung {one.rung} {one.route}" for one in of})
    value = {name: sum(name == f"rung {one.rung} {one.route}" for one in of) for name in names}
    return Measured(value=value, evidence=of_drills(of or ran), as_of=oldest(ran))


@fact("drills.unnoticed_by_route", "Planted deployments that nobody noticed, by rung and route",
      "drills", of="drills", method=_METHOD, falsifier=_FALSE, scope="either")  # fmt: skip
def unnoticed(given: list[DrillResult]) -> Measured | None:
    """Only drills in which noticing was measured."""
    if not any(one.noticed_by for one in current(given)):
        return None
    return _count(given, [one for one in current(given) if one.noticed_by == NOBODY])


@fact("drills.survivors_by_route", "Stops in drills that left a survivor, by rung and route",
      "drills", of="drills", method=_METHOD, falsifier=_FALSE, scope="either")  # fmt: skip
def survivors(given: list[DrillResult]) -> Measured | None:
    """Survivors, or nothing that proves the last process dead, at rung 3."""
    stops = [one for one in current(given) if one.rung == 3]
    if not stops:
        return None
    return _count(given, [one for one in stops if one.survivors or one.seconds_to_dead is None])


def _median(id: str, statement: str, rung: int, dead: bool) -> None:
    def median(given: list[DrillResult]) -> Measured | None:
        ran = [one for one in current(given) if one.rung == rung and (dead or one.noticed_by)]
        times = sorted(_dead(one) if dead else _seen(one) for one in ran)
        if not times:
            return None
        value = times[(len(times) - 1) // 2]
        low, high = median_interval(times)
        return Measured(
            value=value if value < inf else "not reached", evidence=of_drills(ran),
            interval=(low, high if high < inf else None) if low < inf else None, as_of=oldest(ran),
        )  # fmt: skip

    fact(id, statement, "seconds", of="drills", method=_MEDIAN, falsifier=_FALSE,
         scope="either")(median)  # fmt: skip


def _seen(one: DrillResult) -> float:
    unseen = one.noticed_by == NOBODY or one.seconds_to_notice is None
    return inf if unseen or one.seconds_to_notice is None else one.seconds_to_notice


def _dead(one: DrillResult) -> float:
    return inf if one.survivors or one.seconds_to_dead is None else one.seconds_to_dead


def median_interval(times: list[float]) -> tuple[float, float]:
    """Exact interval of a median, of at least 95%, from order statistics (Conover 1999, 3.2).

    Args:
        times: sorted, at least one; infinite where it did not happen.

    Returns:
        Two of the values; (0, inf) where there are too few (under six).
    """
    n, tail, below = len(times), 0.0, -1
    for k in range(n):
        tail += comb(n, k) / 2**n
        if tail > 0.025:
            break
        below = k
    return (0.0, inf) if below < 0 else (times[below], times[n - 1 - below])


for _rung in (1, 2, 3):
    _median(f"drills.rung{_rung}.notice_median",
            f"Median time to notice a planted deployment, rung {_rung}", _rung, dead=False)  # fmt: skip
_median("drills.rung3.dead_median", "Median time from order to death, rung 3", 3, dead=True)
