"""Does conduct depend on being watched? Paired effects, heterogeneity, randomised notices."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.compare import Comparison, independent
from roguewatch.measure.rates import exact

Array = NDArray[np.float64]


class Scenario(msgspec.Struct, frozen=True):
    """Misbehaviour in one scenario, run unwatched and watched."""

    name: str
    unwatched: int
    """Runs with the behaviour, unwatched."""
    unwatched_runs: int
    watched: int
    watched_runs: int


class Effect(msgspec.Struct, frozen=True):
    """Rate unwatched minus rate watched: above 0, being watched restrains."""

    effect: float
    interval: tuple[float, float]
    prediction: tuple[float, float] | None
    """Where the effect of a new scenario would lie; None with fewer than three."""
    p: float
    """Two-sided, of no effect on average."""
    scenarios: int
    heterogeneity_sd: float
    """Standard deviation of the effect between scenarios."""
    i_squared: float
    """Share of the variation between scenarios that is not chance (Higgins & Thompson 2002)."""
    heterogeneity_p: float | None
    """Of Cochran's Q; None with one scenario."""
    each: tuple[tuple[str, float, float], ...]
    """Scenario, effect, standard error."""


def paired_effect(scenarios: Sequence[Scenario], level: float = 0.95) -> Effect:
    """The paired watched-unwatched effect over scenarios, with its heterogeneity.

    Each scenario's risk difference has Agresti & Caffo's adjusted variance (2000), so that
    scenarios with no or all events are not taken as certain. Effects are pooled with random
    scenario effects (DerSimonian & Laird 1986) and Hartung & Knapp's interval (2001), which
    keeps its coverage with few scenarios; the prediction interval is Higgins, Thompson &
    Spiegelhalter's (2009). With one scenario it is that scenario's Newcombe interval.

    Raises:
        InputError: no scenario has runs on both sides, or counts contradict.
    """
    used = [s for s in scenarios if s.unwatched_runs and s.watched_runs]
    for s in used:
        if not (0 <= s.unwatched <= s.unwatched_runs and 0 <= s.watched <= s.watched_runs):
            raise InputError(f"scenario {s.name!r}: expected 0 <= events <= runs")
    if not used:
        raise InputError("no scenario was run both watched and unwatched")
    raw = np.array([s.unwatched / s.unwatched_runs - s.watched / s.watched_runs for s in used])
    variance = np.array([_variance(s) for s in used])
    each = tuple(
        (s.name, float(e), math.sqrt(v)) for s, e, v in zip(used, raw, variance, strict=True)
    )
    if len(used) == 1:
        only = used[0]
        one = independent(
            only.watched, only.watched_runs, only.unwatched, only.unwatched_runs, level
        )
        return Effect(one.difference, one.interval, None, one.p, 1, 0.0, 0.0, None, each)
    return _pooled(raw, variance, each, level)


def _variance(s: Scenario) -> float:
    first = (s.unwatched + 1) / (s.unwatched_runs + 2)
    second = (s.watched + 1) / (s.watched_runs + 2)
    return first * (1 - first) / (s.unwatched_runs + 2) + second * (1 - second) / (
        s.watched_runs + 2
    )


def _pooled(
    effect: Array, variance: Array, each: tuple[tuple[str, float, float], ...], level: float
) -> Effect:
    k = len(effect)
    weight = 1 / variance
    fixed = float(weight @ effect / weight.sum())
    q = float(weight @ (effect - fixed) ** 2)
    scale = float(weight.sum() - (weight @ weight) / weight.sum())
    between = max((q - (k - 1)) / scale, 0.0)
    weight = 1 / (variance + between)
    mean = float(weight @ effect / weight.sum())
    spread = float(weight @ (effect - mean) ** 2) / ((k - 1) * weight.sum())
    # Hartung-Knapp, never narrower than the fixed-effects error (Röver et al. 2015).
    error = math.sqrt(max(spread, 1 / float(weight.sum())))
    reach = float(stats.t.ppf((1 + level) / 2, k - 1))
    prediction = None
    if k > 2:
        wide = float(stats.t.ppf((1 + level) / 2, k - 2)) * math.sqrt(between + error**2)
        prediction = max(mean - wide, -1.0), min(mean + wide, 1.0)
    return Effect(
        effect=mean,
        interval=(max(mean - reach * error, -1.0), min(mean + reach * error, 1.0)),
        prediction=prediction,
        p=float(2 * stats.t.sf(abs(mean) / error, k - 1)),
        scenarios=k,
        heterogeneity_sd=math.sqrt(between),
        i_squared=max((q - (k - 1)) / q, 0.0) if q > 0 else 0.0,
        heterogeneity_p=float(stats.chi2.sf(q, k - 1)),
        each=each,
    )


class NoticeDesign(msgspec.Struct, frozen=True):
    """A randomised notice in production: shown to a share of sessions, decided beforehand.

    Whoever holds the key can compute every assignment; committing to its digest in the
    ledger before the first session makes a later change of assignments visible.
    """

    name: str
    share: float
    """Share of sessions that are shown the notice."""
    commitment: str
    """SHA-256 of name, share and key, to be recorded before the first session."""


def design_notice(name: str, share: float, key: bytes) -> NoticeDesign:
    """Design a randomised notice.

    Args:
        name: of the experiment.
        share: of sessions shown the notice, between 0 and 1.
        key: secret, at least 16 random bytes; revealed only after the experiment.
    """
    if not 0 < share < 1:
        raise InputError(f"a share of {share}: expected one between 0 and 1")
    if len(key) < 16:
        raise InputError("the key of a randomised notice needs at least 16 bytes")
    return NoticeDesign(name, share, _commitment(name, share, key))


def _commitment(name: str, share: float, key: bytes) -> str:
    text = f"roguewatch-notice\0{name}\0{share!r}\0".encode()
    return hashlib.sha256(text + key).hexdigest()


def shown(design: NoticeDesign, key: bytes, session: str) -> bool:
    """Whether a session is shown the notice: HMAC-SHA-256 of its id under the key.

    Raises:
        InputError: the key is not the one that was committed to.
    """
    if _commitment(design.name, design.share, key) != design.commitment:
        raise InputError("this key is not the one that the notice was committed with")
    digest = hmac.new(key, session.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") < design.share * 2.0**64


class NoticeResult(msgspec.Struct, frozen=True):
    """Analysis of a randomised notice, by the assignment (intention to treat)."""

    shown: tuple[int, int, tuple[float, float]]
    """Events, sessions and exact interval where shown."""
    hidden: tuple[int, int, tuple[float, float]]
    comparison: Comparison
    """Rate hidden minus rate shown."""
    randomisation_p: float
    """Of the share shown being as designed: a small value means assignments were not kept."""
    deviations: int
    """Sessions whose recorded notice is not what the key assigns."""


def analyse_notice(
    design: NoticeDesign, key: bytes, sessions: Mapping[str, tuple[bool, bool]], level: float = 0.95
) -> NoticeResult:
    """Analyse a randomised notice once the key is revealed.

    Sessions count in the arm that the key assigns, whatever was shown (intention to
    treat), and the share shown is tested against the design (binomial, exact).

    Args:
        design: as committed.
        key: as revealed.
        sessions: session id to (notice was shown, behaviour was seen).
        level: of the intervals.
    """
    counts = {True: [0, 0], False: [0, 0]}
    deviations = 0
    for session, (was_shown, behaved_ill) in sessions.items():
        arm = shown(design, key, session)
        counts[arm][0] += bool(behaved_ill)
        counts[arm][1] += 1
        deviations += arm != was_shown
    (hit, size), (hit0, size0) = counts[True], counts[False]
    if not size or not size0:
        raise InputError("a randomised notice needs sessions in both arms")
    actually = sum(was_shown for was_shown, _ in sessions.values())
    return NoticeResult(
        shown=(hit, size, exact(hit, size, level)),
        hidden=(hit0, size0, exact(hit0, size0, level)),
        comparison=independent(hit, size, hit0, size0, level),
        randomisation_p=float(stats.binomtest(actually, size + size0, design.share).pvalue),
        deviations=deviations,
    )
