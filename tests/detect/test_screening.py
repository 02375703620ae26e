"""The one pass for all literals, and what a rule needs to see."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from roguewatch.detect.sigma.expression import And, Like, Not, Or, Regex
from roguewatch.detect.sigma.prefilter import formula, need, skeleton
from roguewatch.detect.sigma.screening import Lexicon

WORDS = ("git push", "push", "ush", "--force", "éclair", "rm -rf", "aaaa", "aa")


@given(st.lists(st.sampled_from((*WORDS, " ", "x", "\n", "\ud800", "日本")), max_size=30))
def test_the_lexicon_finds_just_the_literals_that_stand_in_a_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert Lexicon(WORDS)(text) == {word for word in WORDS if word in text}


def test_a_literal_across_the_seam_of_two_pieces_of_a_long_text_is_found() -> None:
    for before in range((1 << 16) - 12, (1 << 16) + 3):
        assert Lexicon(WORDS)("." * before + "--force" + "." * 99) == {"--force"}


def test_a_text_of_nothing_but_literals_is_searched_in_linear_time() -> None:
    lexicon = Lexicon(WORDS)

    def seconds(size: int) -> float:
        started = time.perf_counter()
        assert lexicon("a" * size) == {"aa", "aaaa"}
        return time.perf_counter() - started

    one = min(seconds(200_000) for _ in range(3))
    assert seconds(2_000_000) < 40 * one


def test_a_condition_needs_all_of_a_conjunction_and_any_of_a_choice_and_nothing_denied() -> None:
    program = Like("command.program", ("git",))
    pushes = Or((Like("command.text", (0, "push", 0)), Like("command.text", (0, "send", 0))))
    forced = Regex("command.arguments", "^--force")
    kind = Like("kind", ("tool_call",))
    condition = And((kind, program, pushes, forced, Not(Like("text", (0, "dry", 0)))))
    holds = formula(need(skeleton(condition), {"kind": "tool_call"}, ()))
    assert holds is not None
    assert holds({"git", "push", "--force"}) and holds({"git", "send", "--force", "x"})
    assert not holds({"git", "--force"}) and not holds({"push", "--force"})
    assert need(skeleton(condition), {"kind": "tool_result"}, ()) is False
    assert need(skeleton(condition), {"kind": "tool_call"}, ("command",)) is False
    assert need(skeleton(Not(program)), {}, ("command",)) is True
