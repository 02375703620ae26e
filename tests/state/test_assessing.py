"""A whole assessment says the same whichever database its state is in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import EXAMPLES, ran, roguewatch, session
from tests.state.postgres import Server

SAID = ("sessions", "events", "findings", "impactful", "unattended", "gaps", "verdict")


def _assessed(store: Path, folder: Path, url: str) -> dict[str, Any]:
    env = {"ROGUEWATCH_STATE_URL": url} if url else {}
    given = ("--store", store, "--out", store / "out")
    done = roguewatch("assess", EXAMPLES, folder, *given, env=env)
    assert done.returncode == 0, done.stderr
    listed = roguewatch("sessions", "--store", store, "--json", env=env)
    document: dict[str, Any] = json.loads((store / "out" / "assessment.json").read_text())
    return {key: document[key] for key in SAID} | {"listed": listed.stdout}


@pytest.mark.sqlite
def test_an_assessment_is_the_same_on_sqlite_and_on_postgresql(
    tmp_path: Path, server: Server
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = session("s\ud800\x00x", "hi \udfff\x00", *ran("t\ud801\x00", "ls \x00; git push --force"))
    (folder / "odd.jsonl").write_text(odd)
    (folder / os.fsdecode(b"n\xff.jsonl")).write_text(session("Ünï", "👋", ("assistant", "x" * 9)))
    with server.database("template1") as url:
        there = [_assessed(tmp_path / "there", folder, url) for _ in range(2)]
    assert there[0] == there[1] == _assessed(tmp_path / "here", folder, "")
    assert not (tmp_path / "there" / "state.sqlite").exists()
