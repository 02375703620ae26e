"""Simulated deployments: the published results, closed forms, and laws."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.errors import InputError
from roguewatch.measure.simulate.config import Deployment, Monitor, Study, check, read_study
from roguewatch.measure.simulate.config import Operating as Rates
from roguewatch.measure.simulate.deployment import simulate, study
from roguewatch.measure.simulate.monitor import Gauge

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "measure"


def made(**fields):
    return msgspec.convert({"runs": 4000, **fields}, Deployment)


def example(name):
    return [simulate(deployment) for deployment in read_study(EXAMPLES / name).deployments]


def test_the_published_safety_of_async_control_is_reproduced_within_three_points():
    one, two, delayed = example("async-control.yaml")
    assert one.safety == pytest.approx(0.00, abs=0.03)
    assert two.safety == pytest.approx(0.91, abs=0.03)
    assert delayed.safety == pytest.approx(0.96, abs=0.03)
    assert two.audits_a_day == pytest.approx(100)


def test_an_ensemble_misses_six_percent_where_its_members_miss_a_third():
    single, ensemble, independent = example("ensemble.yaml")
    assert single.fnr == pytest.approx(0.33, abs=0.03)
    assert ensemble.fnr == pytest.approx(0.06, abs=0.03)
    assert independent.fnr < 0.001


def test_the_published_availability_of_the_three_synchronies_is_reproduced():
    found = [outcome.availability for outcome in example("availability.yaml")]
    assert found == pytest.approx([0.01, 0.91, 1.0], abs=0.005)


def test_availability_equals_a_simulated_alternation_of_acting_and_waiting():
    rng = np.random.default_rng(0)
    acting = rng.exponential(1 / (10 * 0.01), 200_000)
    expected = acting.sum() / (acting.sum() + len(acting) * 1.0)
    outcome = simulate(
        made(
            monitor={"operating": {"fpr": 0.01, "fnr": 0.06}},
            actions_an_hour=10,
            oversight={"synchrony": "semi-synchronous", "audit_hours": 1.0, "audit_budget": 1.0},
        )
    )
    assert outcome.availability == pytest.approx(expected, abs=0.002)


def test_two_needed_without_delay_equals_its_closed_form():
    # Safe where the first attack is flagged and its audit ends before the next attack, or
    # likewise... the second attack needs the first to have been missed or still in audit.
    rate, hours, fnr = 10_000 * 1e-3 / 24, 2.0, 0.1
    outcome = simulate(
        made(
            monitor={"operating": {"fpr": 0.01, "fnr": fnr}},
            oversight={"audit_hours": hours, "audit_budget": 1.0},
            red_team={"attack_rate": 1e-3, "needed": 2},
            runs=40_000,
        )
    )
    in_time = 1 / (1 + rate * hours)  # an exponential audit beats an exponential next attack
    assert outcome.safety == pytest.approx((1 - fnr) * in_time, abs=0.01)


def test_simultaneous_attacks_must_all_be_caught():
    # A burst of ten at 90% recall is caught wholly with 0.9^10 (Lindner et al. 2025).
    outcome = simulate(
        made(
            monitor={"operating": {"fpr": 0.01, "fnr": 0.1}},
            oversight={"synchrony": "semi-synchronous", "audit_budget": 1.0},
            red_team={"strategy": "burst", "burst": 10},
            runs=20_000,
        )
    )
    assert outcome.safety == pytest.approx(0.9**10, abs=0.015)


def test_no_attacks_and_no_auditors_have_defined_answers():
    calm = simulate(made(red_team={"attack_rate": 0.0}))
    assert (calm.safety, calm.attacks, calm.hours_to_stop) == (1.0, 0.0, None)
    blind = simulate(made(oversight={"audit_budget": 0.0}, red_team={"needed": 3}))
    assert blind.safety == 0.0 and blind.audits_a_day == 0.0


def test_a_selective_attacker_with_insight_is_worse_than_a_steady_one():
    steady = simulate(made(red_team={"needed": 2}))
    sly = simulate(
        made(red_team={"needed": 2, "strategy": "selective", "keep": 0.1, "insight": 0.9})
    )
    assert sly.safety < steady.safety - 0.2
    guessing = simulate(
        made(red_team={"needed": 2, "strategy": "selective", "keep": 0.1, "insight": 0.0})
    )
    assert guessing.safety == pytest.approx(steady.safety, abs=0.03)


def test_resampling_and_trusted_editing_raise_safety_and_editing_costs_usefulness():
    base = {"oversight": {"audit_hours": 24}, "red_team": {"needed": 2, "attack_rate": 1e-3}}
    plain = simulate(made(**base))
    again = simulate(made(**base, protocol={"kind": "resample", "resamples": 3, "honest_again": 1}))
    edited = simulate(
        made(**base, protocol={"kind": "trusted-edit", "edit_safety": 1, "edit_usefulness": 0.5})
    )
    assert again.safety > plain.safety + 0.1
    assert edited.safety > plain.safety + 0.1
    assert edited.usefulness == pytest.approx(plain.usefulness - 0.5 * edited.fpr)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.floats(0.001, 0.5), st.floats(0.001, 0.5), st.floats(0.001, 0.3))
def test_a_monitor_known_by_its_rates_keeps_them_and_a_tight_budget_only_raises_the_threshold(
    fpr, fnr, budget
):
    gauge = Gauge(Monitor(operating=Rates(fpr, fnr)))
    assert gauge.rates(gauge.threshold(1.0, 0.0)) == pytest.approx((fpr, 1 - fnr), abs=1e-9)
    within = gauge.rates(gauge.threshold(budget, 0.01))
    assert 0.99 * within[0] + 0.01 * within[1] <= budget + 1e-9 or within[0] <= fpr + 1e-9
    assert within[0] <= fpr + 1e-9


def test_measured_scores_drive_the_simulation_and_give_their_own_area():
    outcome = simulate(
        made(
            monitor={"empirical": {"honest": [0.1] * 98 + [0.9, 0.95], "attacks": [0.2, 0.99]}},
            red_team={"needed": 2, "attack_rate": 1e-5},
            oversight={"audit_budget": 0.011},
        )
    )
    assert outcome.fnr == 0.5 and outcome.fpr <= 0.011
    assert outcome.auroc == pytest.approx((0.98 + 1) / 2)


def test_sensitivity_varies_one_field_and_an_unknown_one_is_an_error():
    plan = Study([made(red_team={"needed": 2})], {"oversight.audit_hours": [0.1, 24]})
    quick, slow = study(plan)[0].sensitivity
    assert quick.safety > slow.safety
    for field in ("oversight.no_such", "nothing", "red_team", "red_team.strategy", ""):
        with pytest.raises(InputError, match="no number"):
            study(Study([made()], {field: [1.0]}))
    with pytest.raises(InputError, match=r"sensitivity.*audit_budget"):
        study(Study([made()], {"oversight.audit_budget": [2.0]}))


def test_the_same_seed_gives_the_same_outcome():
    assert simulate(made(seed=3)) == simulate(made(seed=3))


@pytest.mark.parametrize(
    "text,problem",
    [
        ("tasks_a_day: -1", "tasks_a_day"),
        ("tasks_a_day: .nan", "tasks_a_day"),
        ("oversight: {audit_hours: .inf}", "audit_hours"),
        ("oversight: {synchrony: sometimes}", "synchrony"),
        ("red_team: {attack_rate: 2}", "attack_rate"),
        ("monitor: {operating: {fpr: 0.1, fnr: 0.1}, binormal: {separation: 1}}", "exactly one"),
        ("monitor: {}", "exactly one"),
        ("unknown: 1", "unknown"),
        ("deployments: []", "at least one"),
        ("[1, 2]", "an object"),
        ("{", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_config_that_cannot_be_used_names_its_file_and_field(tmp_path, text, problem):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"config\.yaml.*{problem}"):
        read_study(path)


def test_a_runaway_simulation_is_an_error_and_not_a_hang():
    endless = made(
        tasks_a_day=1e6, red_team={"attack_rate": 1.0, "success": 0.0},
        oversight={"audit_budget": 0.0}, runs=1,
    )  # fmt: skip
    with pytest.raises(InputError, match="neither stopped nor harmed"):
        simulate(check(endless))
