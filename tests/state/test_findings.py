"""Findings are kept once, found again, and set aside for a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from roguewatch.errors import StateError
from roguewatch.findings import LEVELS, Finding, finding_id
from roguewatch.state.database import connect
from roguewatch.state.findings import Findings

DAY = 86_400_000_000_000


def found(key: str = "k", session: str = "s1", **fields: Any) -> Finding:
    fields = {"behaviour": "D1", "title": "Credential read", "level": "high"} | fields
    return Finding(
        id=finding_id("rule", session, key), session=session, detector="rule",
        detector_version="1", events=("e1",), **fields,
    )  # fmt: skip


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    return Findings(connect(tmp_path))


def test_a_finding_comes_back_as_it_was_given(findings: Findings) -> None:
    finding = found(cause="injected", tags=("owasp.asi03",), excerpt="cat ~/.ssh/id_rsa", time=5)
    findings.record([finding])
    assert list(findings.all()) == [finding]


def test_recording_again_adds_nothing_and_brings_up_to_date(findings: Findings) -> None:
    assert findings.record([found("a"), found("b")]) == 2
    assert findings.record([found("a", cause="own"), found("c")]) == 1
    assert {f.id: f.cause for f in findings.all()}[found("a").id] == "own"


def test_findings_are_selected_by_session_behaviour_family_and_level(findings: Findings) -> None:
    findings.record(
        [found("a"), found("b", "s2", behaviour="D5", level="low"), found("c", behaviour="C1")]
    )
    assert [f.session for f in findings.all("s2")] == ["s2"]
    assert {f.behaviour for f in findings.all(behaviour="D")} == {"D1", "D5"}
    assert {f.behaviour for f in findings.all(behaviour="D1")} == {"D1"}
    assert {f.level for f in findings.all(level="medium")} == {"high"}


def test_a_suppressed_finding_is_set_aside_and_comes_back_when_it_expires(
    findings: Findings,
) -> None:
    findings.record([found("a"), found("b")])
    kept = findings.suppress(
        found("a").id[:12], owner="kim", reason="test fixture", until=10 * DAY, now=DAY
    )
    assert kept.finding == found("a").id
    assert [f.id for f in findings.all(suppressed=False, now=2 * DAY)] == [found("b").id]
    assert [f.id for f in findings.all(suppressed=True, now=2 * DAY)] == [found("a").id]
    assert len(list(findings.all(suppressed=False, now=10 * DAY))) == 2
    assert list(findings.suppressions(now=11 * DAY)) == []
    assert [s.owner for s in findings.suppressions(now=0)] == ["kim"]


def test_recording_a_suppressed_finding_again_leaves_it_suppressed(findings: Findings) -> None:
    findings.record([found()])
    findings.suppress(found().id, owner="kim", reason="known", until=10 * DAY, now=DAY)
    findings.record([found(cause="user")])
    assert list(findings.all(suppressed=False, now=2 * DAY)) == []


@pytest.mark.parametrize(
    "wrong",
    [{"owner": " "}, {"reason": ""}, {"until": 1}, {"finding": "ffffffff"}, {"finding": ""}],
)
def test_a_suppression_without_owner_reason_future_or_finding_is_refused(
    findings: Findings, wrong: dict[str, Any]
) -> None:
    findings.record([found("a"), found("b")])
    given: dict[str, Any] = {
        "finding": found("a").id,
        "owner": "kim",
        "reason": "r",
        "until": 9 * DAY,
        "now": DAY,
    }
    given |= wrong
    with pytest.raises(StateError):
        findings.suppress(given.pop("finding"), **given)


def test_a_prefix_with_wildcards_matches_only_itself(findings: Findings) -> None:
    findings.record([found()])
    with pytest.raises(StateError, match="no finding begins"):
        findings.find("%")


@settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.text(max_size=20)), max_size=12))
def test_whatever_the_text_nothing_is_lost(
    emptied: Callable[[], Engine], given_findings: list[tuple[Any, str]]
) -> None:
    engine = emptied()
    findings = Findings(engine)
    wanted = {
        (f := found(str(n), title=text, level=level)).id: f
        for n, (level, text) in enumerate(given_findings)
    }
    assert findings.record(wanted.values()) == len(wanted)
    assert {f.id: f for f in findings.all()} == wanted
    engine.dispose()
