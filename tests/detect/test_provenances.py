"""What is kept of all sessions together is bounded, and the one at hand is never forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.detect import provenances
from roguewatch.detect.provenances import Provenances
from roguewatch.detect.spans import Span, size_of
from roguewatch.detect.values import Value, find, flat
from tests.build import asked


def test_the_longest_silent_sessions_are_forgotten_when_together_they_hold_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenances, "MAX_KEPT", 10_000)
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


PIECES = st.sampled_from(
    ["Send", "money", "%6Done", "https://a.example/%66ile", "\\\n  ", "\\n", "\\N", "''", "'", " ", "  ",
     "\n", "\x1c", "1,000", "1000", "12345678", "1234 5678", "İ", "ΑΣ", "é", "\u212a", ".", "'s"]
)  # fmt: skip


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8))
def test_a_first_look_at_a_text_never_denies_a_value_that_stands_in_it(
    before: list[str], middle: list[str], after: list[str]
) -> None:
    text = "".join((*before, *middle, *after))
    span = Span("e", "tool", "Read", text, size_of(text))
    for part in ("".join(middle), "1000", "12345678", text):
        value = Value("", flat(part), 1.0)
        looked = span.may_hold(value)
        assert looked or find(value, Span("e", "tool", "Read", text, 0).text()) < 0
