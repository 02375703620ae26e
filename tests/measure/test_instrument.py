"""Monitors as instruments, ensembles, capability, agreement."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from roguewatch.errors import InputError
from roguewatch.measure.agreement import cohen, fleiss, krippendorff
from roguewatch.measure.capability import Trial, capability_curve
from roguewatch.measure.ensembles import catch_rate, combine, ensembles, pairs, stages
from roguewatch.measure.instrument import (
    Scores,
    at_fpr,
    auroc,
    calibration,
    drift,
    precision,
    read_scores,
    roc,
    scores_from,
)


def made(seed=0, n=400, separation=1.5, digits=1):
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.4
    score = (rng.normal(size=n) + separation * label).round(digits)
    return Scores(label, score, rng.uniform(0.5, 2, n))


@settings(derandomize=True, max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 4)), min_size=2, max_size=40
    )
)
def test_auroc_and_roc_equal_scikit_learn_with_ties_and_weights(rows):
    label, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    if label.all() or not label.any():
        return
    scores = Scores(label.astype(bool), score.astype(float), weight.astype(float))
    assert auroc(scores).auroc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    fpr, tpr, _ = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    curve = roc(scores)
    assert curve.fpr == pytest.approx(fpr) and curve.tpr == pytest.approx(tpr)


def test_delongs_variance_equals_its_definition_over_all_pairs():
    scores = Scores(made().label, made().score, np.ones(400))
    x, y = scores.score[scores.label], scores.score[~scores.label]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)
    assert auroc(scores).standard_error == pytest.approx(math.sqrt(variance))


def test_perfect_separation_has_an_interval_that_is_not_a_point():
    scores = scores_from({"label": [0, 0, 0, 1, 1], "score": [1, 2, 3, 4, 5]})
    found = auroc(scores)
    assert found.auroc == 1.0 and found.interval[0] < 0.9


def test_recall_at_a_false_positive_rate_never_exceeds_it_and_can_be_set():
    scores = made()
    for target in (0.0, 0.01, 0.05, 0.5, 1.0):
        found = at_fpr(scores, target)
        assert found.fpr <= target + 1e-12
        if found.threshold is not None:
            flagged = scores.score >= found.threshold
            weight = scores.weight[scores.label]
            assert found.tpr == pytest.approx(weight[flagged[scores.label]].sum() / weight.sum())


def test_precision_at_a_low_prevalence_follows_from_bayes_rule():
    # 90% recall at 5% false positives: at 0.1% prevalence under 2% of flags are attacks.
    assert precision(0.9, 0.05, 0.001) == pytest.approx(0.0009 / (0.0009 + 0.04995))
    assert precision(0.0, 0.0, 0.5) is None


def test_tied_scores_are_flagged_together():
    found = at_fpr(scores_from({"label": [0, 1, 1, 0], "score": [1, 1, 1, 1]}), 0.5)
    assert found.threshold is None and found.tpr == 0.0


def test_a_missing_verdict_is_not_observed_and_never_clean(tmp_path):
    path = tmp_path / "scores.jsonl"
    rows = [{"label": 1, "score": 0.9}, {"label": 1, "score": None}, {"label": 0, "score": 0.1}]
    path.write_text("\n".join(map(json.dumps, rows)))
    scores = read_scores(path)
    assert scores.not_observed == (0, 1) and len(scores.score) == 2


@pytest.mark.parametrize(
    "row", ['{"label": 2, "score": 1}', '{"label": 1}', '{"label": 1, "score": 1e999}',
            '{"label": 1, "score": "high"}', '{"label": 1, "score": 1, "weight": 0}'],
)  # fmt: skip
def test_bad_score_rows_are_named(tmp_path, row):
    path = tmp_path / "scores.jsonl"
    path.write_text('{"label": 0, "score": 0.5}\n' + row + "\n")
    with pytest.raises(InputError, match=r"scores\.jsonl:2"):
        read_scores(path)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_a_clear_error(label):
    with pytest.raises(InputError, match="there are none"):
        auroc(scores_from({"label": [label] * 3, "score": [1, 2, 3]}))


def test_calibration_equals_scikit_learn_and_is_absent_for_other_ranges():
    rng = np.random.default_rng(0)
    score = rng.random(500)
    label = rng.random(500) < score
    found = calibration(Scores(label, score, np.ones(500)))
    assert found.brier == pytest.approx(brier_score_loss(label, score))
    assert found.ece < 0.08 and sum(b[2] for b in found.bins) == 500
    assert calibration(made()) is None


def test_drift_is_seen_where_there_is_one_and_not_otherwise():
    rng = np.random.default_rng(0)
    before = rng.normal(size=500)
    assert drift(before, rng.normal(size=500), 2).p > 0.01
    moved = drift(before, rng.normal(0.5, size=500), 2)
    assert moved.p < 1e-4 and moved.stability_index > 0.1
    assert moved.flagged_after > moved.flagged_before
    constant = drift([1, 1, 1], [1, 1, 1], 1)
    assert math.isfinite(constant.stability_index)


def shared_errors(n=4000, correlation=0.34, monitors=4, separation=2.766):
    rng = np.random.default_rng(1)
    label = np.arange(n) % 2
    noise = math.sqrt(correlation) * rng.normal(size=n) + math.sqrt(1 - correlation) * rng.normal(
        size=(monitors, n)
    )
    return label, {f"m{i}": separation * label + row for i, row in enumerate(noise)}


def test_an_ensemble_beats_its_members_as_much_as_their_error_correlation_allows():
    label, monitors = shared_errors()
    found = ensembles(label, monitors)
    assert len(found[0].members) == 4 and len(found) == 15
    assert found[0].operating.fnr == pytest.approx(0.06, abs=0.03)
    single = [e.operating.fnr for e in found if len(e.members) == 1]
    assert min(single) > 3 * found[0].operating.fnr


def test_error_correlation_is_positive_where_noise_is_shared_and_none_without_variation():
    label, monitors = shared_errors()
    found = pairs(label, monitors)[0]
    assert found.error_correlation_attacks > 0.1
    assert found.missed_by_both > found.expected_if_independent
    flat = pairs([0, 1, 0, 1], {"a": [0, 1, 0, 1], "b": [1, 1, 1, 1]})[0]
    assert flat.rank_correlation is None and flat.error_correlation_attacks is None


def test_combining_by_rank_ignores_each_monitors_scale():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 5.0])
    assert combine(np.stack([a, b]), "rank") == pytest.approx(
        combine(np.stack([a, b * 100]), "rank")
    )


def test_stages_multiply_to_the_end_to_end_recall():
    attacks = [(1, 1, 1)] * 5 + [(1, 1, 0)] * 2 + [(1, 0, 1)] * 2 + [(0, 1, 1)]
    found = stages(attacks, ["monitored", "flagged", "seen"])
    assert [s.recall for s in found] == pytest.approx([0.9, 7 / 9, 5 / 7])
    assert found[-1].end_to_end == pytest.approx(0.5)
    nothing = stages([(0, 1)], ["monitored", "flagged"])
    assert nothing[1].recall is None


def test_an_audit_budget_catches_more_than_chance_and_all_at_full_budget():
    found = catch_rate(made(), 0.01, (0, 0.01, 0.1, 1.0))
    assert [b.caught for b in found] == sorted(b.caught for b in found)
    assert found[0].caught == 0 and found[-1].caught == 1.0
    assert found[1].caught > 5 * found[1].random


def test_the_capability_curve_finds_the_strength_needed_and_its_interval_covers_it():
    needed, hits, seeds = (3 + math.log(4)) / 1.2, 0, 100
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        trials = [
            Trial(s, int(rng.binomial(60, 1 / (1 + math.exp(1.2 * s - 3)))), 60) for s in range(6)
        ]
        found = capability_curve(trials)
        assert found.needed == pytest.approx(needed, abs=1.2) and not found.extrapolated
        hits += found.needed_interval[0] <= needed <= found.needed_interval[1]
    assert 0.88 <= hits / seeds <= 1.0


def test_few_attacks_leave_the_strength_needed_unbounded_above():
    found = capability_curve([Trial(1, 4, 5), Trial(2, 3, 5)])
    assert found.needed_interval[1] is None


def test_a_curve_that_does_not_fall_needs_no_finite_strength():
    found = capability_curve([Trial(1, 10, 50), Trial(2, 30, 50)])
    assert found.needed is None and found.extrapolated
    with pytest.raises(InputError, match="two or more"):
        capability_curve([Trial(1, 10, 50), Trial(1, 30, 50)])


# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: 4 observers.
KRIPPENDORFF = list(
    zip(
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
        strict=True,
    )
)


@pytest.mark.parametrize(
    "level,value", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_equals_krippendorffs_published_example(level, value):
    found = krippendorff(KRIPPENDORFF, level)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.interval[0] < found.value < found.interval[1] and found.units == 11


def test_agreement_without_variation_or_overlap_is_undefined_and_says_so():
    assert krippendorff([["a", "a"], ["a", "a"]]).value is None
    assert krippendorff([["a", None], [None, "b"]]).note == "no unit has two ratings"
    assert cohen(["a", "a"], ["a", "a"]).value is None
    assert fleiss([["a", "a"], ["a", "a"]]).value is None
    with pytest.raises(InputError):
        krippendorff([[None, None]])
    with pytest.raises(InputError, match="numbers"):
        krippendorff([["a", "b"]], "ordinal")


def test_cohens_and_fleiss_kappa_match_their_closed_forms():
    # Cohen's table 20, 5 / 10, 15: observed 0.7, expected 0.5.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    found = cohen(first, second)
    assert found.value == pytest.approx(0.4)
    assert found.interval[0] < 0.4 < found.interval[1]
    # Fleiss 1971 reproduced on the textbook table: 10 subjects, 14 raters, kappa 0.210.
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    ratings = [[c for c, times in enumerate(row) for _ in range(times)] for row in table]
    assert fleiss(ratings, draws=200).value == pytest.approx(0.210, abs=5e-4)
