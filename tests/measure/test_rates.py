"""Rates, comparisons and planning, against other implementations and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable, mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from roguewatch.errors import InputError
from roguewatch.measure.compare import (
    adjust,
    independent,
    paired,
    repeated_pairs,
    stratified,
)
from roguewatch.measure.power import (
    design_effect,
    power_of_difference,
    runs_for_difference,
    runs_for_precision,
    runs_to_show_below,
)
from roguewatch.measure.rates import (
    beta_binomial,
    cluster_bootstrap,
    clustered_exact,
    exact,
    rate,
    upper_bound,
    wilson,
)

counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_thirty_of_thirty_is_bounded_below_by_0_884():
    assert exact(30, 30) == (pytest.approx(0.88430, abs=1e-5), 1.0)


def test_no_events_in_n_is_the_rule_of_three():
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)


def test_no_observations_say_nothing():
    nothing = rate(0, 0)
    assert (nothing.rate, nothing.exact, nothing.wilson) == (None, (0.0, 1.0), (0.0, 1.0))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(counts)
def test_exact_and_wilson_equal_statsmodels_everywhere(pair):
    events, n = pair
    if n == 0:
        return
    for ours, method in ((exact(events, n), "beta"), (wilson(events, n), "wilson")):
        assert ours == pytest.approx(proportion_confint(events, n, method=method), abs=1e-9)
        assert 0 <= ours[0] <= events / n <= ours[1] <= 1


@pytest.mark.parametrize(("events", "n"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_errors(events, n):
    with pytest.raises(InputError, match="expected 0 <= events <= n"):
        rate(events, n)


def test_the_cluster_bootstrap_is_wider_than_wilson_where_clusters_differ():
    events, n = [0, 0, 9, 10, 1, 0, 8, 0, 10, 1], [10] * 10
    found = cluster_bootstrap(events, n)
    low, high = wilson(39, 100)
    assert found.interval[0] < low and found.interval[1] > high
    assert found.design_effect > 3


def test_clusters_of_one_agree_with_independent_observations():
    outcome = [1] * 60 + [0] * 140
    found = cluster_bootstrap(outcome, [1] * 200)
    assert found.interval == pytest.approx(wilson(60, 200), abs=0.015)
    assert found.design_effect == pytest.approx(1, abs=0.02)


def test_the_beta_binomial_likelihood_equals_scipys():
    events, n = [1, 3, 0, 6, 2, 5], [8, 9, 7, 8, 10, 9]
    found = beta_binomial(events, n)
    mean, effect = found.rate, found.design_effect
    rho = (effect - 1) / (sum(m * m for m in n) / sum(n) - 1)
    precision = (1 - rho) / rho

    def likelihood(m, p):
        return sum(
            stats.betabinom.logpmf(e, k, m * p, (1 - m) * p) for e, k in zip(events, n, strict=True)
        )

    best = likelihood(mean, precision)
    for m, p in (
        (mean * 1.02, precision),
        (mean * 0.98, precision),
        (mean, precision * 1.1),
        (mean, precision * 0.9),
    ):
        assert likelihood(m, p) <= best + 1e-6


@pytest.mark.parametrize("method", [cluster_bootstrap, beta_binomial])
def test_one_cluster_and_clusters_without_variation_have_defined_answers(method):
    assert method([2], [5]).interval == (0.0, 1.0)
    none = method([0, 0, 0, 0], [5, 5, 5, 5])
    assert none.rate == 0 and none.interval == pytest.approx(exact(0, 4))
    same = method([1, 1, 1], [2, 2, 2])
    assert 0 < same.interval[0] < 0.5 < same.interval[1] < 1


@pytest.mark.parametrize("events,n", [([], []), ([1], [0]), ([1, math.nan], [2, 2]), ([3], [2])])
def test_clusters_that_cannot_be_used_are_errors(events, n):
    with pytest.raises(InputError):
        cluster_bootstrap(events, n)


def test_barnard_and_newcombe_equal_scipy_and_statsmodels():
    found = independent(1, 9, 7, 12)
    assert found.p == pytest.approx(stats.barnard_exact([[7, 1], [5, 8]]).pvalue)
    low, high = confint_proportions_2indep(7, 12, 1, 9, method="newcomb")
    assert found.interval == pytest.approx((low, high), abs=1e-9)


def test_equal_samples_have_no_evidence_of_a_difference():
    assert independent(0, 10, 0, 10).p == 1.0
    low, high = independent(0, 10, 0, 10).interval
    assert low < 0 < high


def test_mcnemar_equals_statsmodels_and_the_paired_interval_newcombes_example():
    first = np.repeat([1, 1, 0, 0], [20, 12, 2, 16])
    second = np.repeat([1, 0, 1, 0], [20, 12, 2, 16])
    found = paired(first, second)
    assert found.p == pytest.approx(mcnemar([[20, 12], [2, 16]], exact=True).pvalue)
    # Newcombe 1998 (Statistics in Medicine 17:2635), table II, method 10: 20, 12, 2, 16.
    assert (-found.interval[1], -found.interval[0]) == pytest.approx((0.0562, 0.3290), abs=5e-4)


def test_pairs_without_discordance_are_defined():
    found = paired([1, 1, 0], [1, 1, 0])
    assert found.p == 1.0 and found.interval[0] <= 0 <= found.interval[1]
    with pytest.raises(InputError, match="none missing"):
        paired([1, math.nan], [1, 0])


def test_the_stratified_comparison_equals_statsmodels():
    tables = [(3, 10, 5, 10), (1, 20, 6, 22), (4, 9, 8, 11)]
    peer = StratifiedTable([np.array([[y, x], [n2 - y, n1 - x]]) for x, n1, y, n2 in tables])
    found = stratified(tables)
    assert found.odds_ratio == pytest.approx(peer.oddsratio_pooled)
    assert found.odds_interval == pytest.approx(peer.oddsratio_pooled_confint())
    assert found.p == pytest.approx(peer.test_null_odds(correction=True).pvalue)


def test_a_stratum_with_one_empty_side_is_left_out():
    whole = stratified([(3, 10, 5, 10), (0, 0, 5, 9)])
    assert whole == stratified([(3, 10, 5, 10)])


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_multiplicity_adjustments_equal_statsmodels(p):
    for ours, theirs in (("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by")):
        assert adjust(p, ours) == pytest.approx(multipletests(p, method=theirs)[1], abs=1e-9)


def test_299_clean_runs_show_a_rate_under_one_percent_and_298_do_not():
    plan = runs_to_show_below(0.01)
    assert (plan.n, plan.allowed) == (299, 0)
    assert upper_bound(0, 299) < 0.01 <= upper_bound(0, 298)


def test_a_plan_with_expected_events_holds_its_claim_and_its_power():
    plan = runs_to_show_below(0.05, true_rate=0.02, power=0.9)
    assert upper_bound(plan.allowed, plan.n) < 0.05
    assert upper_bound(plan.allowed, plan.n - 1) >= 0.05
    simulated = np.random.default_rng(0).binomial(plan.n, 0.02, 20_000)
    assert (simulated <= plan.allowed).mean() >= 0.89


def test_precision_and_difference_plans_are_the_smallest_that_do():
    n = runs_for_precision(0.5, 0.05)
    low, high = wilson(n // 2, n)
    assert (high - low) / 2 <= 0.0501
    n = runs_for_difference(0.1, 0.25)
    assert power_of_difference(0.1, 0.25, n) >= 0.8 > power_of_difference(0.1, 0.25, n - 1)
    assert design_effect(5, 0.25) == 2.0
    with pytest.raises(InputError):
        runs_for_difference(0.1, 0.1)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_units_observed_once_are_mcnemars_pairs(pairs):
    once = repeated_pairs([[pair] for pair in pairs])
    plain = paired(*zip(*pairs, strict=True))
    assert once.p == pytest.approx(plain.p)
    assert once.interval == pytest.approx(plain.interval)
    # Observing each unit again, with the same outcome, tells nothing new.
    again = repeated_pairs([[pair] * 3 for pair in pairs])
    assert (again.p, again.difference) == pytest.approx((once.p, once.difference))
    assert again.interval == pytest.approx(once.interval)


def test_units_with_repetitions_keep_their_level_and_coverage():
    numbers = np.random.default_rng(0)
    print("seed 0")
    rejected = covered = 0
    for _ in range(400):
        # A unit's own rate, the same for all its four repetitions on either side.
        own = numbers.beta(0.5, 1.5, size=12)
        units = [[tuple(numbers.random(2) < rate) for _ in range(4)] for rate in own]
        found = repeated_pairs(units)
        rejected += found.p <= 0.05
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert rejected <= 30  # 7.5% of 400; at most 5% are expected
    assert covered >= 370


def test_the_exact_interval_of_clusters_covers_where_that_of_samples_does_not():
    numbers = np.random.default_rng(1)
    print("seed 1")
    covered = naive = 0
    for _ in range(400):
        own = numbers.beta(0.3, 1.2, size=15)  # mean 0.2, much alike within a cluster
        hits = numbers.binomial(4, own)
        low, high = clustered_exact(hits, np.full(15, 4)).interval
        covered += low <= 0.2 <= high
        low, high = exact(int(hits.sum()), 60)
        naive += low <= 0.2 <= high
    assert covered >= 370
    assert naive < 360
