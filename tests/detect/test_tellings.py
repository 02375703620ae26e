"""Contradicting transcripts of one session are told, with both quoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import json_lines, ran, roguewatch, session

TRUE = session("s1", "Tidy up.", *ran("a", "rm -rf /srv/data", "removed"), ("assistant", "Done."))


def found(tmp_path: Path, **texts: str) -> list[dict[str, Any]]:
    """What is found where the files hold these texts, by how the detector found it."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.jsonl").write_text(text)
    store = tmp_path / "store"
    roguewatch("assess", folder, "--store", store, "--out", tmp_path / "out")
    every = json_lines(roguewatch("findings", "--store", store, "--json").stdout)
    return [one for one in every if one["detector"] == "tellings"]


def test_a_copy_in_which_a_command_was_changed_is_quoted_beside_the_first(tmp_path: Path) -> None:
    (one,) = found(tmp_path, a=TRUE, b=TRUE.replace("rm -rf /srv/data", "ls /srv/data"))
    assert (one["behaviour"], one["level"], one["session"]) == ("E5", "high", "s1")
    assert "rm -rf /srv/data" in one["excerpt"] and "ls /srv/data" in one["excerpt"]
    assert len(one["events"]) == 2


def test_a_copy_that_comes_in_a_later_run_is_told_too(tmp_path: Path) -> None:
    assert found(tmp_path, a=TRUE) == []
    assert len(found(tmp_path, b=TRUE.replace("rm -rf /srv/data", "ls /srv/data"))) == 1


@pytest.mark.parametrize(
    ("was", "became", "behaviour"),
    [("removed", "nothing", "E5"), ("Done.", "Left.", "E3"), ("Tidy up.", "Wipe it.", "E3")],
)
def test_a_changed_result_or_message_is_told(
    tmp_path: Path, was: str, became: str, behaviour: str
) -> None:
    told = found(tmp_path, a=TRUE, b=TRUE.replace(was, became))
    assert {one["behaviour"] for one in told} <= {behaviour}
    assert bool(told) == (was != "Tidy up."), "the first message has no record before it"


def test_copies_longer_snapshots_and_torn_ones_contradict_nothing(tmp_path: Path) -> None:
    longer = TRUE + session("s1", "And now?", ("assistant", "Ready."), start=60)
    torn = TRUE[: len(TRUE) * 2 // 3]
    assert found(tmp_path, a=TRUE, b=TRUE, c=longer, d=torn) == []
