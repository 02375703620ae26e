"""Correlations: every type against a plain re-reading of the whole history."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from roguewatch.detect.sigma import correlating, windows
from roguewatch.detect.sigma.reading import compile_rules
from roguewatch.detect.sigma.running import Running
from roguewatch.errors import RuleError
from tests.build import event

BASE = """
title: {name}
name: {name}
logsource: {{product: ai-agent}}
detection: {{s: {{text|startswith: "{name}"}}, condition: s}}
"""
HEAD = "title: C\nname: corr\ncorrelation:\n"


def running(correlation: str, names: str = "abc") -> Running:
    texts = [BASE.format(name=name) for name in names] + [HEAD + correlation]
    return Running(compile_rules([(Path("t.yml"), "---\n".join(texts).encode())]))


def feed(run: Running, *seen: tuple[int, str], **fields: object) -> list[int]:
    """Feed (second, text) and give the seconds at which the correlation fired."""
    fired = []
    for second, text in seen:
        one = event("agent_message", text=text, time=second * 10**9, **fields)
        if any(hit.meta.id == "corr" for hit in run.feed_event(one)):
            fired.append(second)
    return fired


def test_event_count_fires_once_until_the_window_is_below_the_threshold_again():
    run = running("  type: event_count\n  rules: a\n  timespan: 10s\n  condition: {gte: 3}\n")
    assert feed(run, (0, "a"), (1, "b"), (2, "a"), (3, "a"), (4, "a")) == [3]
    assert feed(run, (30, "a"), (31, "a"), (32, "a")) == [32]


def test_sightings_of_one_call_count_once():
    run = running("  type: event_count\n  rules: a\n  timespan: 10s\n  condition: {gte: 2}\n")
    assert feed(run, (0, "a"), call_id="c1") == []
    assert feed(run, (1, "a"), call_id="c1") == []
    assert feed(run, (2, "a"), call_id="c2") == [2]


def test_value_count_counts_different_values():
    run = running(
        "  type: value_count\n  rules: a\n  timespan: 10s\n  condition: {field: text, gt: 2}\n"
    )
    assert feed(run, (0, "a1"), (1, "a1"), (2, "a2"), (3, "a1"), (4, "a3")) == [4]


def test_value_sum_adds_up():
    run = running(
        "  type: value_sum\n  rules: a\n  timespan: 10s\n"
        "  condition: {field: exit_status, gte: 10}\n"
    )
    assert feed(run, (0, "a"), exit_status=6) == []
    assert feed(run, (1, "a"), exit_status=3) == []
    assert feed(run, (2, "a"), exit_status=1) == [2]


def test_value_avg_is_over_the_window():
    run = running(
        "  type: value_avg\n  rules: a\n  timespan: 10s\n  condition: {field: exit_status, gt: 4}\n"
    )
    assert feed(run, (0, "a"), exit_status=1) == []
    assert feed(run, (1, "a"), exit_status=5) == []
    assert feed(run, (12, "a"), exit_status=5) == [12]


def test_temporal_takes_any_order_and_ordered_its_own():
    temporal = running("  type: temporal\n  rules: [a, b]\n  timespan: 10s\n")
    ordered = running("  type: temporal_ordered\n  rules: [a, b]\n  timespan: 10s\n")
    assert feed(temporal, (0, "b"), (5, "a")) == [5]
    assert feed(ordered, (0, "b"), (5, "a")) == []
    assert feed(ordered, (6, "b")) == [6]
    assert feed(temporal, (40, "b"), (51, "a")) == []


def test_temporal_with_a_boolean_condition():
    run = running("  type: temporal\n  timespan: 10s\n  condition: a and (b or c)\n")
    assert feed(run, (0, "b"), (1, "c"), (2, "a")) == [2]


def test_ordered_chains_begin_as_late_as_they_can():
    run = running("  type: temporal_ordered\n  rules: [a, b, c]\n  timespan: 10s\n")
    assert feed(run, (0, "a"), (5, "a"), (6, "b"), (14, "c")) == [14]


def test_groups_and_aliases_keep_things_apart():
    run = running(
        "  type: temporal\n  rules: [a, b]\n  timespan: 10s\n  group-by: [session, who]\n"
        "  aliases: {who: {a: agent, b: parent_agent}}\n"
    )
    assert feed(run, (0, "a"), agent="x") == []
    assert feed(run, (1, "b"), agent="y", parent_agent="z") == []
    assert feed(run, (1, "b"), agent="y", parent_agent="x", session="s2") == []
    assert feed(run, (2, "b"), agent="y", parent_agent="x") == [2]


def test_without_generate_the_followed_rules_do_not_report():
    for generate, expected in (("", {"corr"}), ("  generate: true\n", {"a", "corr"})):
        run = running(
            f"  type: event_count\n  rules: a\n  timespan: 1m\n  condition: {{gte: 1}}\n{generate}"
        )
        one = event("agent_message", text="a")
        assert {hit.meta.id for hit in run.feed_event(one)} == expected


def test_a_correlation_may_follow_another():
    inner = "  type: event_count\n  rules: a\n  timespan: 1m\n  condition: {gte: 2}\n"
    outer = "---\ntitle: O\nname: outer\ncorrelation:\n  type: temporal_ordered\n  rules: [corr, b]\n  timespan: 1m\n"
    run = running(inner + outer)
    hits = []
    for text in ("b", "a", "a", "b"):
        hits += run.feed_event(event("agent_message", text=text))
    assert [hit.meta.id for hit in hits if hit.meta.id != "b"] == ["outer"]


@pytest.mark.parametrize(
    ("correlation", "named"),
    [
        ("  type: event_count\n  rules: a\n  timespan: 1m\n  condition: {lt: 3}\n", "`lt`"),
        ("  type: value_median\n  rules: a\n  timespan: 1m\n  condition: {field: text, gte: 3}\n", "value_median"),
        ("  type: temporal\n  timespan: 1m\n  condition: a and not b\n", "`not`"),
        ("  type: event_count\n  rules: zzz\n  timespan: 1m\n  condition: {gte: 3}\n", "zzz"),
        ("  type: event_count\n  rules: a\n  timespan: 1m\n  condition: {gte: 3}\n  group-by: [nosuch]\n", "nosuch"),
        ("  type: event_count\n  rules: a\n  timespan: soon\n  condition: {gte: 3}\n", "imespan"),
        ("  type: event_count\n  rules: corr\n  timespan: 1m\n  condition: {gte: 3}\n", "circle"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_in_time_is_refused(correlation, named):
    with pytest.raises(RuleError, match=r"t\.yml: C: ") as refused:
        running(correlation)
    assert named in str(refused.value)


# The same answers as reading the whole history again at every event.


def plain(kind: str, threshold: int, span: int, history: list[tuple[int, str]]) -> bool:
    """Whether the condition holds at the last event of the history."""
    now = history[-1][0]
    inside = [(second, text) for second, text in history if second >= now - span]
    if kind == "event_count":
        return sum(text[0] == "a" for _, text in inside) >= threshold
    if kind == "value_count":
        return len({text for _, text in inside if text[0] == "a"}) >= threshold
    if kind == "temporal":
        return {text[0] for _, text in inside} >= {"a", "b", "c"}
    place = 0
    for _, text in inside:
        place += place < 3 and text[0] == "abc"[place]
    return place == 3


CONDITIONS = {
    "event_count": "  rules: a\n  condition: {gte: 3}\n",
    "value_count": "  rules: a\n  condition: {gte: 3, field: text}\n",
    "temporal": "  rules: [a, b, c]\n",
    "temporal_ordered": "  rules: [a, b, c]\n",
}


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("seed", range(40))
def test_incremental_state_agrees_with_the_whole_history(kind, seed):
    rnd = random.Random(seed)
    span = rnd.randint(2, 12)
    run = running(f"  type: {kind}\n  timespan: {span}s\n{CONDITIONS[kind]}")
    now, history, expected, fired = 0, [], [], []
    for _ in range(120):
        now += rnd.choice((0, 1, 1, 2, 5))
        text = rnd.choice("abc") + rnd.choice("1234")
        relevant = kind.startswith("temporal") or text[0] == "a"
        if relevant:
            # A condition is reported when it becomes true, seen from just before this event.
            earlier = [*history, (now, "-")]
            before = plain(kind, 3, span, earlier)
            history.append((now, text))
            if plain(kind, 3, span, history) and not before:
                expected.append((now, text))
                if kind == "temporal_ordered":
                    history = []
        one = event("agent_message", text=text, time=now * 10**9)
        if any(hit.meta.id == "corr" for hit in run.feed_event(one)):
            fired.append((now, text))
    assert fired == expected, f"seed {seed}"


# Bounds.


def test_state_is_bounded_and_what_is_forgotten_is_counted(monkeypatch):
    monkeypatch.setattr(correlating, "MAX_GROUPS", 10)
    run = running(
        "  type: event_count\n  rules: a\n  timespan: 1y\n  group-by: [text]\n"
        "  condition: {gte: 2}\n"
    )
    assert feed(run, *((n, f"a{n}") for n in range(25))) == []
    assert run.forgotten() == {"corr": 15}
    assert feed(run, (30, "a24")) == [30]


def test_a_sum_over_too_many_events_says_that_it_dropped_some(monkeypatch):
    monkeypatch.setattr(windows, "MAX_WINDOW", 5)
    run = running(
        "  type: value_sum\n  rules: a\n  timespan: 1y\n"
        "  condition: {field: exit_status, gte: 100}\n"
    )
    assert feed(run, *((n, "a") for n in range(9)), exit_status=1) == []
    assert run.forgotten() == {"corr": 4}
