"""The example activity is what its script makes, and holds what it is meant to show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tools.examples.__main__ import activity

from roguewatch.sources.reading import read

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "activity"


def test_the_committed_files_are_exactly_those_that_the_script_makes() -> None:
    committed = {
        str(p.relative_to(FOLDER)): p.read_bytes() for p in FOLDER.rglob("*") if p.is_file()
    }
    assert committed == activity()


def test_it_is_small() -> None:
    assert sum(map(len, activity().values())) < 1_000_000


def test_every_file_is_recognised_and_read_without_a_gap() -> None:
    seen: Counter[str] = Counter()
    for reading in read([FOLDER]):
        gaps = [event.text for event in reading.events() if event.kind == "gap"]
        assert not reading.error
        assert not gaps, reading.name
        seen[reading.source] += 1
    assert set(seen) == {
        "claude-code", "codex", "gemini-cli", "copilot-cli", "inspect", "otel", "chat", "swe-agent",
    }  # fmt: skip
