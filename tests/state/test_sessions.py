"""Readings and session summaries, and what an interruption leaves to do again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from roguewatch.errors import StateError
from roguewatch.events import Usage
from roguewatch.state.database import connect, transaction
from roguewatch.state.sessions import FileReading, Sessions
from roguewatch.state.summary import Impact, SessionSummary, Stretch


def test_a_summary_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    engine = connect(tmp_path)
    sessions = Sessions(engine)
    summary = SessionSummary(
        session="s1", surface="codex", started=1, ended=9, events=3, gaps={"malformed": 2},
        days={19000: (3, 1)}, impacts={"network": Impact(2, 1, 0, ("e1",))},
        stretches=[Stretch(1, 9, 8, 1)], usage=Usage(input=3),
    )  # fmt: skip
    with transaction(engine) as connection:
        sessions.keep(connection, [summary], "rules-1")
    assert list(sessions.all()) == [summary]
    assert sessions.find("s") == summary
    assert summary.gap_count == 2


@settings(
    max_examples=30, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.text(st.sampled_from("a0\x00\ue0001"), max_size=5), unique=True, max_size=9))
def test_sessions_keep_whatever_id_an_agent_gave_them(
    emptied: Callable[[], Engine], ids: list[str]
) -> None:
    engine = emptied()
    sessions = Sessions(engine)
    with transaction(engine) as connection:
        sessions.keep(connection, [SessionSummary(session=one, events=3) for one in ids], "r")
    assert sessions.counted() == dict.fromkeys(ids, 3)
    assert all(sessions.find(one).session == one for one in ids)
    engine.dispose()


def test_unfinished_sessions_and_those_of_older_detectors_are_analysed_again(
    tmp_path: Path,
) -> None:
    engine = connect(tmp_path)
    sessions = Sessions(engine)
    with transaction(engine) as connection:
        names = ["done", "old", "open"]
        sessions.keep_reading(connection, FileReading(path="a.jsonl", run="r1"), names)
        sessions.keep(connection, [SessionSummary(session="done")], "new")
        sessions.keep(connection, [SessionSummary(session="old")], "older")
        sessions.mark_stale(connection, [SessionSummary(session="open")])
    assert sessions.stale("new", "r1") == ["old", "open"]
    assert sessions.stale("new", "another run") == ["open"]


def test_sessions_are_selected_by_the_files_of_a_run_and_by_date(tmp_path: Path) -> None:
    engine = connect(tmp_path)
    sessions = Sessions(engine)
    with transaction(engine) as connection:
        sessions.keep_reading(connection, FileReading(path="a", run="r1"), ["early", "late"])
        sessions.keep_reading(connection, FileReading(path="b", run="r1"), ["late", "timeless"])
        kept = [
            SessionSummary(session="early", started=1, ended=2),
            SessionSummary(session="late", started=5, ended=8),
            SessionSummary(session="timeless"),
            SessionSummary(session="elsewhere", started=7, ended=7),
        ]
        sessions.keep(connection, kept, "d")
    assert [s.session for s in sessions.all(run="r1")] == ["early", "late", "timeless"]
    assert [s.session for s in sessions.all(run="r1", since=6)] == ["late", "timeless"]
    sessions.saw("a", "r2")
    assert [s.session for s in sessions.all(run="r2")] == ["early", "late"]


def test_a_prefix_must_be_of_one_session_but_a_whole_id_always_is(tmp_path: Path) -> None:
    engine = connect(tmp_path)
    sessions = Sessions(engine)
    with transaction(engine) as connection:
        sessions.keep(connection, [SessionSummary(session=name) for name in ("ab", "abc")], "d")
    assert sessions.find("ab").session == "ab"
    with pytest.raises(StateError, match="several sessions begin with 'a'"):
        sessions.find("a")
    with pytest.raises(StateError, match=r"no session begins with 'x\\x1b'"):
        sessions.find("x\x1b")
