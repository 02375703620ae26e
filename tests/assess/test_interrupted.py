"""A run that is killed after any of its durable steps goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ROOT, ran, session

NOTE = "~/.cache/fontconfig/.idx-7f3.json"


def _write(folder: Path) -> Path:
    """Sessions that a kill can tear apart: over bundles, over files, leaning on each other."""
    folder.mkdir(parents=True)
    leaves = ran("l", f"echo '{{\"next\": 3}}' > {NOTE}")
    busy = [part for n in range(4) for part in ran(f"b{n}", f"git push --force origin b{n}", "ok")]
    (folder / "a.jsonl").write_text(session("a", "Tidy up the imports.", *busy, *leaves))
    (folder / "b.jsonl").write_text(
        session("b", "Write the release notes.", *ran("t", f"cat {NOTE}"), start=30)
    )
    both = session("c", "Say so.", ("assistant", "So."), *ran("h", "history -c"), "Thank you.")
    (folder / "c.jsonl").write_text(both[: len(both) // 2])  # a torn line, too
    (folder / "d.jsonl").write_text(both)
    (folder / "e.jsonl").write_text(
        session("e", "Look.", *ran("e", "cat ~/.ssh/id_rsa")) + session("a", "And now?", start=40)
    )
    (folder / "empty.jsonl").touch()
    return folder


def _grown(folder: Path, from_: Path) -> Path:
    """The same activity when two thirds of some of its files had been written."""
    folder.mkdir()
    for path in sorted(from_.glob("[acd].jsonl")):
        text = path.read_text()
        (folder / path.name).write_text(text[: len(text) * 2 // 3])
    return folder


def _interrupted(work: Path, steps: str, *folders: Path) -> list[dict[str, Any]]:
    """What the driver prints for every kill; the first line is of an undisturbed run."""
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.assess.interrupting", *map(str, (work, steps, *folders))],
        cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["killed"] for line in lines[1:-1]} == {signal.SIGKILL}
    assert lines[0]["killed"] == lines[-1]["killed"] == 0
    return lines


def _the_same(lines: list[dict[str, Any]]) -> None:
    whole = lines[0]["said"]
    assert whole["faults"] == []
    assert {finding["detector"] for finding in whole["findings"]} >= {"cross-session"}
    for line in lines[1:]:
        for key, value in whole.items():
            assert line["said"][key] == value, f"{key} after a kill at step {line['n']}"


@pytest.mark.timeout(900)
def test_a_first_run_killed_after_any_commit_goes_on_to_the_same_assessment(
    tmp_path: Path,
) -> None:
    lines = _interrupted(tmp_path / "work", "commits", _write(tmp_path / "activity"))
    assert len(lines) > 8
    _the_same(lines)


@pytest.mark.timeout(900)
def test_a_later_run_over_grown_files_killed_after_any_commit_does_too(
    tmp_path: Path,
) -> None:
    activity = _write(tmp_path / "activity")
    lines = _interrupted(
        tmp_path / "work", "commits", _grown(tmp_path / "before", activity), activity
    )
    assert len(lines) > 4
    _the_same(lines)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("before", [False, True])
def test_soak_a_run_killed_after_any_durable_step_goes_on(tmp_path: Path, before: bool) -> None:
    activity = _write(tmp_path / "activity")
    earlier = [_grown(tmp_path / "before", activity)] if before else []
    _the_same(_interrupted(tmp_path / "work", "files", *earlier, activity))
