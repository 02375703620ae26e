"""`roguewatch incidents`: confirm, reject, grade, list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run import json_lines, ran, roguewatch, session


@pytest.fixture
def store(tmp_path: Path) -> tuple[Path, str]:
    """A store, and the id of a finding in it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "s.jsonl").write_text(session("s", "go", *ran("a", "history -c")))
    roguewatch("assess", tmp_path / "in", "--store", tmp_path / "st", "--out", tmp_path / "o")
    found = json_lines(roguewatch("findings", "--store", tmp_path / "st", "--json").stdout)
    return tmp_path / "st", found[0]["id"]


def grade(store: Path, finding: str, by: str, *words: str) -> int:
    done = roguewatch("incidents", "grade", finding, "--store", store, "--by", by, *words,
                      check=False)  # fmt: skip
    return done.returncode


def test_severity_needs_two_graders_and_the_lower_counts(store: tuple[Path, str]) -> None:
    place, finding = store
    assert grade(place, finding, "A", "--overreach", "active", "--deception", "none") == 2
    roguewatch("incidents", "confirm", finding[:8], "--store", place, "--by", "Ada",
               "--private", "secret", "--undetected", "60")  # fmt: skip
    assert grade(place, finding, "A", "--overreach", "active:0.9", "--deception", "routine") == 0
    (line,) = json_lines(roguewatch("incidents", "list", "--store", place, "--json").stdout)
    assert line["overreach"] is None
    words = ("--overreach", "active", "--deception", "none", "--uncertain")
    assert grade(place, finding, "B", *words) == 0
    (line,) = json_lines(
        roguewatch("incidents", "list", "--store", place, "--public", "--json").stdout
    )
    assert line["overreach"] == {"rung": "routine", "score": 1.0}
    assert line["deception"]["rung"] == "none"
    assert line["private"] == ""
    assert line["undetected_seconds"] == 60


def test_a_rejected_finding_is_not_graded_and_has_its_reason(store: tuple[Path, str]) -> None:
    place, finding = store
    roguewatch("incidents", "reject", finding, "--store", place, "--by", "Ada", "--reason", "test")
    assert grade(place, finding, "A", "--overreach", "none", "--deception", "none") == 2
    (line,) = json_lines(roguewatch("incidents", "list", "--store", place, "--json").stdout)
    assert (line["verdict"], line["reason"]) == ("rejected", "test")


@pytest.mark.parametrize("bucket", ["grave", "active:2", "active:x", "active:nan"])
def test_a_bucket_or_score_that_is_none_is_an_input_error(
    store: tuple[Path, str], bucket: str
) -> None:
    place, finding = store
    roguewatch("incidents", "confirm", finding, "--store", place, "--by", "Ada")
    assert grade(place, finding, "A", "--overreach", bucket, "--deception", "none") == 2


def test_the_published_buckets_are_a_comparison_line(store: tuple[Path, str]) -> None:
    done = roguewatch("incidents", "list", "--store", store[0], "--published", "--json")
    lines = json_lines(done.stdout)
    assert [sum(line["incidents"].values()) for line in lines] == [44, 44]
