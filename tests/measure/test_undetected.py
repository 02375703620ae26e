"""What was missed, and what being watched changes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from roguewatch.errors import InputError
from roguewatch.measure.awareness import (
    Scenario,
    analyse_notice,
    design_notice,
    paired_effect,
    shown,
)
from roguewatch.measure.rates import upper_bound
from roguewatch.measure.undetected import Stratum, capture_recapture, horvitz_thompson, stratified

KEY = b"a key of at least sixteen bytes"


def test_horvitz_thompson_weighs_each_case_by_its_propensity():
    found = horvitz_thompson([1, 0, 1, 0], [0.5, 0.1, 0.25, 0.5], 50)
    assert found.total == 6.0
    assert found.standard_error == pytest.approx(math.sqrt(0.5 / 0.25 + 0.75 / 0.0625))


def test_horvitz_thompson_is_unbiased_over_repeated_samples():
    rng = np.random.default_rng(5)
    case = rng.random(2000) < 0.03
    chance = np.where(case, 0.3, 0.1) * rng.uniform(0.5, 1.5, 2000)
    totals = []
    for _ in range(400):
        drawn = rng.random(2000) < chance
        totals.append(horvitz_thompson(case[drawn], chance[drawn], 2000).total)
    error = np.std(totals) / math.sqrt(400)
    assert abs(np.mean(totals) - case.sum()) < 3 * error


def test_nothing_found_gives_an_exact_bound_and_a_census_gives_certainty():
    none = horvitz_thompson([0] * 100, [0.1] * 100, 1000)
    assert none.total == 0 and none.interval[1] == pytest.approx(1000 * upper_bound(0, 100, 0.975))
    census = horvitz_thompson([0, 1, 0], [1, 1, 1], 3)
    assert census.interval == (1.0, 1.0)


@pytest.mark.parametrize(
    "found,propensity,population",
    [([1], [0.0], 10), ([1], [1.5], 10), ([2], [0.5], 10), ([], [], 10), ([1, 0], [0.5, 0.5], 1)],
)
def test_samples_that_cannot_be_are_errors(found, propensity, population):
    with pytest.raises(InputError):
        horvitz_thompson(found, propensity, population)


def test_the_stratified_total_expands_each_stratum_and_never_takes_an_empty_one_as_certain():
    found = stratified([Stratum("low", 1000, 100, 0), Stratum("high", 50, 25, 5)])
    assert found.total == 10.0
    assert found.interval[1] > 20
    census = stratified([Stratum("all", 10, 10, 3)])
    assert census.interval == (3.0, 3.0)
    with pytest.raises(InputError, match="none was reviewed"):
        stratified([Stratum("low", 1000, 0, 0)])


def test_chapmans_estimate_equals_its_closed_form_and_prints_its_assumption():
    found = capture_recapture(30, 25, 15)
    assert found.total == pytest.approx(31 * 26 / 16 - 1)
    assert found.interval[0] >= found.found == 40
    assert "independently" in found.assumption
    assert capture_recapture(10, 10, 10).missed_interval == (0, 0)
    assert capture_recapture(10, 8, 0).warning
    with pytest.raises(InputError):
        capture_recapture(0, 5, 0)


def test_the_paired_effect_recovers_a_simulated_one_and_its_heterogeneity():
    rng = np.random.default_rng(2)
    scenarios = []
    for number in range(60):
        base, effect = rng.uniform(0.4, 0.6), rng.normal(0.2, 0.1)
        scenarios.append(
            Scenario(
                str(number),
                int(rng.binomial(100, min(base + effect, 1))), 100,
                int(rng.binomial(100, base)), 100,
            )
        )  # fmt: skip
    found = paired_effect(scenarios)
    assert found.interval[0] < 0.2 < found.interval[1]
    assert found.heterogeneity_sd == pytest.approx(0.1, abs=0.04)
    assert found.prediction[0] < found.interval[0] and found.heterogeneity_p < 0.05


def test_degenerate_scenarios_have_defined_answers():
    none = paired_effect([Scenario("a", 0, 10, 0, 10), Scenario("b", 0, 5, 0, 5)])
    assert none.effect == 0 and none.interval[0] < 0 < none.interval[1]
    one = paired_effect([Scenario("a", 10, 10, 0, 10)])
    assert one.effect == 1 and one.heterogeneity_p is None
    with pytest.raises(InputError, match="both watched and unwatched"):
        paired_effect([Scenario("a", 1, 10, 0, 0)])


def test_a_notice_is_shown_to_its_share_and_only_under_the_committed_key():
    design = design_notice("notice", 0.3, KEY)
    share = np.mean([shown(design, KEY, f"s{i}") for i in range(4000)])
    assert share == pytest.approx(0.3, abs=0.025)
    with pytest.raises(InputError, match="committed"):
        shown(design, KEY + b"!", "s1")
    assert design_notice("notice", 0.31, KEY).commitment != design.commitment


def test_a_notice_is_analysed_by_assignment_and_counts_deviations():
    design = design_notice("notice", 0.5, KEY)
    rng = np.random.default_rng(1)
    sessions = {}
    for number in range(1000):
        arm = shown(design, KEY, str(number))
        sessions[str(number)] = (arm, bool(rng.random() < (0.1 if arm else 0.3)))
    found = analyse_notice(design, KEY, sessions)
    assert found.comparison.interval[0] < 0.2 < found.comparison.interval[1]
    assert found.deviations == 0 and found.randomisation_p > 0.001
    cheated = {name: (False, ill) for name, (_, ill) in sessions.items()}
    tampered = analyse_notice(design, KEY, cheated)
    assert tampered.randomisation_p < 1e-6 and tampered.deviations > 400
    assert tampered.comparison == found.comparison
