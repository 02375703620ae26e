"""Assessments side by side: periods, earlier reports, other entities, trends."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from roguewatch.assess.comparing import trend
from tests.assess.conftest import Example
from tests.cli.run import json_lines, roguewatch


def document(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "assessment.json").read_text())
    return found


def test_a_rate_that_clearly_rose_or_fell_is_called_so_and_chance_is_not() -> None:
    assert trend((10, 200), (60, 200))[0] == "rose"
    assert trend((60, 200), (10, 200))[0] == "fell"
    assert trend((20, 200), (24, 200))[0] == "no evidence"
    assert trend((0, 0), (24, 200)) == ("no evidence", 1.0)


def test_looking_after_every_outcome_rarely_calls_an_unchanged_rate_moved() -> None:
    rng = random.Random(20261121)
    called = 0
    for _ in range(200):
        before = (sum(rng.random() < 0.2 for _ in range(150)), 150)
        events = 0
        for n in range(1, 121):
            events += rng.random() < 0.2
            if n % 5 == 0 and trend(before, (events, n))[0] != "no evidence":
                called += 1
                break
    assert called <= 10  # 5% of 200, at most, at any number of looks


def test_two_periods_of_the_example_are_side_by_side(example: Example) -> None:
    told = document(example.out)
    (period,) = told["comparisons"]  # type: ignore[misc]
    assert (period["name"], period["kind"]) == ("the period before", "period")
    assert {cell["deployment"] for cell in period["verdict"]} == {
        "everything read", "ci", "coding", "operations",
    }  # fmt: skip
    changes = {change["fact"]: change for change in period["changes"]}
    assert changes["gate.sessions_share"]["before"] < 1
    assert changes["gate.sessions_share"]["after"] == 1
    # Result files made after the earlier period ended are not evidence in it.
    before = {fact["id"]: fact["value"] for fact in period["facts"]}
    assert before["horizon.p50_minutes"] is None
    # Drills after it do not count in it either: there were survivors then.
    assert before["drills.rung3.survived"] > 0
    assert period["findings_new"] > 0


def test_the_next_assessment_says_what_changed_since_the_last(
    example: Example, tmp_path: Path
) -> None:
    earlier = example.out / "assessment.json"
    roguewatch("incidents", "list", "--store", example.store)
    done = example.again(
        tmp_path, "--compare", earlier, "--compare", "2026-01-01..", "--entity",
        f"Sister={example.store}", "--json",
    )  # fmt: skip
    (told,) = json_lines(done.stdout)
    kinds = {one["kind"]: one for one in told["comparisons"]}
    assert list(kinds) == ["previous", "period", "report", "entity"]
    assert kinds["previous"]["source"].startswith("run ")
    assert kinds["previous"]["findings_new"] == kinds["previous"]["findings_gone"] == 0
    assert kinds["previous"]["cells"] == []
    assert kinds["report"]["verdict"] == document(example.out)["verdict"]
    assert kinds["entity"]["name"] == "Sister"
    assert kinds["entity"]["findings_new"] is None


def test_what_was_kept_is_not_compared_with_once_it_was_changed(
    example: Example, tmp_path: Path
) -> None:
    (kept,) = (example.store / "assessments").glob("*.json")
    original = kept.read_bytes()
    try:
        kept.write_bytes(original.replace(b'"edge"', b'"well beyond"'))
        (told,) = json_lines(example.again(tmp_path, "--json").stdout)
    finally:
        kept.write_bytes(original)
    assert [one["kind"] for one in told["comparisons"]] == ["period"]
    assert "not what was committed" in told["notes"][0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--period", "autumn"), "NAME=FROM..TO"),
        (("--period", "autumn=2026-02-01..2026-01-01"), "ends before it begins"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "--since must be before"),
        (("--compare", "nosuch"), "no such report, store or period"),
        (("--entity", "Sister=/nosuch"), "existing store"),
    ],
)
def test_what_cannot_be_compared_is_an_input_error_that_says_why(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "in").mkdir()
    done = roguewatch("assess", tmp_path / "in", "--store", tmp_path / "s", *words, check=False)
    assert done.returncode == 2
    assert says in done.stderr
