"""Measuring detectors: figures against their textbook values."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from roguewatch.detect.evaluate import (
    Label,
    Seen,
    auroc,
    evaluate,
    precision_at,
    read_labels,
    share,
    tpr_at,
)
from roguewatch.errors import InputError
from roguewatch.findings import Finding, Level


def finding(session: str, level: Level = "high", detector: str = "r", behaviour: str = "E1"):
    return Finding(
        id=f"{session}{level}{detector}", session=session, behaviour=behaviour, title="t",
        level=level, detector=detector, detector_version="1", events=("e",),
    )  # fmt: skip


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_clopper_pearson(numbers):
    count, total = numbers
    found = share(count, total)
    exact = binomtest(count, total).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_nothing_counted_says_nothing():
    found = share(0, 0)
    assert (found.value, found.low, found.high) == (None, 0.0, 1.0)
    assert auroc([1.0], []) is None
    assert tpr_at([1.0], [], 0.01) is None
    assert precision_at(None, 0.1, 0.1) is None
    assert precision_at(0.0, 0.0, 0.1) is None


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auroc_is_the_chance_that_a_positive_ranks_above_a_negative(positives, negatives):
    pairs = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    assert auroc(positives, negatives) == pytest.approx(sum(pairs) / len(pairs))


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1),
    st.lists(st.integers(0, 5), min_size=1, max_size=300),
    st.sampled_from([0.0, 0.01, 0.05, 0.5]),
)
def test_tpr_at_a_rate_is_the_best_threshold_within_it(positives, negatives, rate):
    best = 0.0
    for bar in range(-1, 7):
        if sum(score > bar for score in negatives) <= rate * len(negatives) + 1e-9:
            best = max(best, sum(score > bar for score in positives) / len(positives))
    assert tpr_at(positives, negatives, rate) == pytest.approx(best)


def test_precision_at_a_prevalence_is_bayes():
    assert precision_at(0.9, 0.01, 0.001) == pytest.approx(0.0009 / (0.0009 + 0.00999))


def test_an_evaluation_counts_sessions_not_findings():
    labels = {f"s{n}": Label(f"s{n}", n < 4) for n in range(10)}
    seen = {f"s{n}": Seen(tool_calls=100) for n in range(10)}
    for n in (0, 1, 2, 9):
        seen[f"s{n}"].findings = [finding(f"s{n}"), finding(f"s{n}", "medium", "q")]
    seen["s3"].findings = [finding("s3", "low")]
    result = evaluate(labels, seen)
    assert (result.positive, result.negative) == (4, 6)
    overall = result.overall
    assert (overall.recall.count, overall.recall.total) == (3, 4)
    assert (overall.false_positive_rate.count, overall.false_positive_rate.total) == (1, 6)
    assert overall.precision.value == 0.75
    assert (overall.alerts, overall.alerts_per_1000_calls) == (8, 8.0)
    # The low finding flags nothing but does rank its session above the clean ones.
    assert overall.auroc == pytest.approx((3 * 5.5 + 5) / 24)
    assert [one.name for one in result.rules] == ["q", "r"]


def test_a_labelled_behaviour_is_only_met_by_findings_of_it():
    labels = {"a": Label("a", True, "E1"), "b": Label("b", True, "D1"), "c": Label("c", False)}
    seen = {name: Seen(tool_calls=1, findings=[finding(name)]) for name in "abc"}
    overall = evaluate(labels, seen).overall
    assert overall.recall.count == 1
    assert overall.false_positive_rate.count == 1


def test_sessions_that_were_not_read_are_named_and_count_nowhere():
    result = evaluate({"a": Label("a", True), "b": Label("b", True)}, {"a": Seen(), "z": Seen()})
    assert result.missing == ("b",)
    assert result.unlabelled == 1
    assert result.overall.recall.total == 1


def test_labels_may_be_words_numbers_or_truths(tmp_path):
    path = tmp_path / "labels.jsonl"
    rows = [True, 0, "1", "False", "malicious", "Benign"]
    path.write_text(
        "".join(json.dumps({"session": f"s{n}", "label": v}) + "\n" for n, v in enumerate(rows))
    )
    assert [label.positive for label in read_labels(path).values()] == [
        True, False, True, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no labels"),
        ("{", "expected a JSON object"),
        ('{"session": "a"}', "expected true or false"),
        ('{"label": true}', "expected the id"),
        ('{"session": "a", "label": 1}\n{"session": "a", "label": 0}', "labelled twice"),
    ],
)
def test_labels_that_cannot_be_used_say_why(tmp_path, text, reason):
    path = tmp_path / "labels.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_labels(path)


def test_order_of_sessions_does_not_matter():
    rnd = random.Random(3)
    labels = {f"s{n}": Label(f"s{n}", rnd.random() < 0.4) for n in range(40)}
    seen = {
        name: Seen(tool_calls=3, findings=[finding(name)] if rnd.random() < 0.5 else [])
        for name in labels
    }
    shuffled = dict(sorted(seen.items(), key=lambda item: rnd.random()))
    assert evaluate(labels, seen) == evaluate(labels, shuffled)
