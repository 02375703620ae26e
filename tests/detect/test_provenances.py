"""What is kept of all sessions together is bounded, and the one at hand is never forgotten."""

from __future__ import annotations

import pytest

from roguewatch.detect import cause
from roguewatch.detect.cause import Provenances
from tests.build import asked


def test_the_longest_silent_sessions_are_forgotten_when_together_they_hold_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cause, "MAX_KEPT", 10_000)
    kept = Provenances()
    for number in range(50):
        kept.follow(asked("please look at the harbour " * 40, session=f"s{number}"))
        assert sum(one.kept for one in kept._sessions.values()) == kept._kept <= 10_000
    assert "s49" in kept._sessions
    assert "s0" not in kept._sessions
    kept.follow(asked("x " * 20_000, session="large"))
    assert list(kept._sessions) == ["large"]
    kept.forget("large")
    assert kept._kept == 0
