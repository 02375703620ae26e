"""Scanners: where they match, and which lines a match touches."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.detect.constraints import constraints
from roguewatch.detect.scanning import Scanner

PATTERNS = (r"ab|b\W*c", r"\bab\b", r"a[^c]*c", r"b+", r"(?:é|a) ?b")
TEXTS = st.text(st.sampled_from("abc é\n.—"), max_size=60)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.sampled_from(PATTERNS), TEXTS)
def test_every_line_that_matches_by_itself_is_among_those_a_match_touches(
    pattern: str, text: str
) -> None:
    scanner = Scanner(pattern)
    touched = scanner.lines(text)
    lines = text.split("\n")
    assert touched <= set(range(len(lines)))
    assert {n for n, line in enumerate(lines) if scanner.found(line)} <= touched


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["Do not push.", "Read the code.", "Keep it inside src/ only!", "never commit", "> quoted",
             "no network; none", "x" * 320 + " do not deploy.", "Ask me before deploying?", ""]
        ),
        max_size=6,
    ),
    st.sampled_from(["\n", " ", "\n\n", "; "]),
)  # fmt: skip
def test_limits_of_a_text_are_those_of_its_lines(sentences: list[str], between: str) -> None:
    text = between.join(sentences)
    apart = [one for line in text.split("\n") for one in constraints(line)]
    assert constraints(text) == apart[:64]
