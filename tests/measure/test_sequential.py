"""Anytime-valid monitoring, change points, and trends over release dates."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy import integrate, stats

from roguewatch.errors import InputError
from roguewatch.measure.sequential import (
    change_point,
    has_risen,
    log_evidence,
    mean_sequence,
    rate_sequence,
)
from roguewatch.measure.trend import Release, doubling_time, frontier
from tests.build import SHARED


def test_a_confidence_sequence_covers_at_all_times_together():
    rng, missed = np.random.default_rng(0), 0
    for _ in range(150):
        events = np.cumsum(rng.random(400) < 0.1)
        missed += any(
            not low <= 0.1 <= high
            for low, high in (rate_sequence(int(events[n - 1]), n) for n in range(1, 401, 7))
        )
    assert missed / 150 <= 0.08


def test_the_betting_sequence_covers_at_all_times_and_narrows():
    rng, missed = np.random.default_rng(1), 0
    for _ in range(150):
        values = rng.beta(1, 4, 300)
        low, high = mean_sequence(values, grid=200)
        missed += bool(((low > 0.2) | (high < 0.2)).any())
    assert missed / 150 <= 0.08
    assert high[-1] - low[-1] < 0.15


@pytest.mark.parametrize("events,n", [(0, 0), (0, 1), (0, 50), (50, 50), (1, 100_000)])
def test_confidence_sequences_have_defined_ends(events, n):
    low, high = rate_sequence(events, n)
    assert 0 <= low <= (events / n if n else 0.5) <= high <= 1


def test_the_evidence_equals_the_mixture_integral():
    reference = 0.1

    def ratio(p):
        return (
            stats.binom.pmf(12, 60, p) / stats.binom.pmf(12, 60, reference)
            * stats.beta.pdf(p, 0.5, 0.5) / stats.beta.sf(reference, 0.5, 0.5)
        )  # fmt: skip

    whole = integrate.quad(ratio, reference, 1)[0]
    ours = math.exp(float(log_evidence(np.array(12.0), np.array(60.0), reference)))
    assert ours == pytest.approx(whole, rel=1e-6)


def test_a_rise_is_seen_and_an_unchanged_rate_raises_few_alarms_ever():
    rng = np.random.default_rng(2)
    alarms = [has_risen(rng.random(1500) < 0.05, baseline=(25, 500)).risen for _ in range(200)]
    assert np.mean(alarms) <= 0.05
    rise = has_risen(rng.random(1500) < 0.15, baseline=(25, 500))
    assert rise.risen and rise.alarm_at < 600 and rise.p <= 0.025
    assert rise.interval[0] > 0.05


def test_no_outcomes_raise_no_alarm_and_impossible_references_are_errors():
    found = has_risen([], reference=0.1)
    assert (found.risen, found.p, found.n) == (False, 1.0, 0)
    for wrong in (
        {"reference": 0.0},
        {"baseline": (5, 5)},
        {},
        {"reference": 0.1, "baseline": (1, 9)},
    ):
        with pytest.raises(InputError):
            has_risen([1, 0], **wrong)
    with pytest.raises(InputError, match="none missing"):
        has_risen([1, math.nan], reference=0.1)


def test_a_change_point_is_found_near_where_it_is():
    rng = np.random.default_rng(3)
    stream = np.concatenate([rng.random(2000) < 0.02, rng.random(400) < 0.15])
    found = change_point(stream, 0.02, run_length=100_000)
    assert 2000 < found.alarm_at < 2150
    assert abs(found.changed_at - 2000) < 40 and found.rate_after > 0.08


def test_false_alarms_are_as_rare_as_stated():
    rng, lengths = np.random.default_rng(4), []
    for _ in range(60):
        found = change_point(rng.random(3000) < 0.1, 0.1, run_length=500)
        lengths.append(found.alarm_at or 3000)
    assert np.mean(lengths) >= 500


def releases(doubling=200.0, noise=0.0, count=8, seed=0):
    rng = np.random.default_rng(seed)
    start = date(2023, 1, 1)
    return [
        Release(
            f"a{i}", start + timedelta(days=90 * i),
            2.0 ** (90 * i / doubling + noise * rng.normal()),
        )
        for i in range(count)
    ]  # fmt: skip


def test_an_exact_exponential_gives_its_doubling_time():
    found = doubling_time(releases())
    assert found.doubling_days == pytest.approx(200)
    assert found.r_squared == pytest.approx(1)


def test_the_slope_and_its_interval_equal_scipys():
    points = releases(noise=0.4)
    found = doubling_time(points, only_frontier=False)
    x = [r.released.toordinal() for r in points]
    line = stats.linregress(x, np.log2([r.p50 for r in points]))
    reach = stats.t.ppf(0.975, len(x) - 2) * line.stderr
    assert found.doubling_days == pytest.approx(1 / line.slope)
    assert found.interval == pytest.approx((1 / (line.slope + reach), 1 / (line.slope - reach)))


def test_only_the_best_so_far_are_the_frontier():
    points = [
        Release("a", date(2024, 1, 1), 4), Release("b", date(2024, 2, 1), 3),
        Release("c", date(2024, 3, 1), 8), Release("d", date(2024, 3, 1), 8),
    ]  # fmt: skip
    assert [r.agent for r in frontier(points)] == ["a", "c", "d"]


def test_a_falling_trend_has_no_doubling_time_and_too_few_dates_are_an_error():
    down = [Release(str(i), date(2024, 1 + i, 1), 2.0**-i) for i in range(4)]
    found = doubling_time(down, only_frontier=False)
    assert found.doubling_days is None and found.interval is None
    with pytest.raises(InputError, match="two dates"):
        doubling_time(down[:1])


def test_joint_draws_give_the_interval_where_they_are_given():
    points = releases()
    rng = np.random.default_rng(0)
    drawn = {r.agent: math.log2(r.p50) + 0.3 * rng.normal(size=500) for r in points}
    found = doubling_time(points, drawn=drawn)
    assert found.interval[0] < 200 < found.interval[1]
    assert "joint" in found.interval_from


def test_the_published_doubling_times_follow_from_the_published_points():
    path = SHARED / "horizon" / "published-1.1.json"
    if not path.exists():
        pytest.skip("the published points are not on this machine")
    document = json.loads(path.read_text())
    points = [
        Release(
            p["agent"], date.fromisoformat(p["release_date"]),
            p["p50"]["estimate"], p["p50"]["ci_low"], p["p50"]["ci_high"],
        )
        for p in document["points"]
    ]  # fmt: skip
    published = document["doubling_time_in_days"]
    whole = doubling_time(points)
    assert whole.doubling_days == pytest.approx(
        published["all_time_stitched"]["point_estimate"], rel=0.01
    )
    recent = doubling_time(points, since=date(2023, 1, 1))
    stated = published["from_2023_on"]
    assert recent.doubling_days == pytest.approx(stated["point_estimate"], rel=0.01)
    assert recent.interval == pytest.approx((stated["ci_low"], stated["ci_high"]), rel=0.05)
