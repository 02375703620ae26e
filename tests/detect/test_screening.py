"""The one pass for all literals, and what a rule needs to see."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.detect.sigma.expression import And, Like, Not, Or, Regex
from roguewatch.detect.sigma.gates import Key
from roguewatch.detect.sigma.lexicon import Lexicon
from roguewatch.detect.sigma.literals import required_literals
from roguewatch.detect.sigma.prefilter import clause, formula, keys_in, need, skeleton
from roguewatch.detect.sigma.view import fold_bytes

WORDS = ("git push", "push", "ush", "--force", "éclair", "rm -rf", "aaaa", "aa")
LEXICON = Lexicon(WORDS)


def looked_up(data: bytes) -> set[str]:
    return {LEXICON.literals[at] for at in LEXICON(data)}


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from((*WORDS, " ", "x", "\n", "\ud800", "日本")), max_size=30))
def test_the_lexicon_finds_just_the_literals_that_stand_in_a_text(pieces: list[str]) -> None:
    data = "".join(pieces).encode("utf-8", "replace")
    assert looked_up(data) == {word for word in WORDS if word.encode() in data}


def test_a_literal_across_the_seam_of_two_pieces_of_a_long_text_is_found() -> None:
    for before in range((1 << 16) - 12, (1 << 16) + 3):
        assert looked_up(b"." * before + b"--force" + b"." * 99) == {"--force"}


def test_a_text_of_nothing_but_literals_is_searched_in_linear_time() -> None:
    def seconds(size: int) -> float:
        started = time.thread_time()
        assert looked_up(b"a" * size) == {"aa", "aaaa"}
        return time.thread_time() - started

    one = min(seconds(200_000) for _ in range(3))
    assert seconds(2_000_000) < 40 * one


def test_a_condition_needs_all_of_a_conjunction_and_any_of_a_choice_and_nothing_denied() -> None:
    program = Like("command.program", ("curl",))
    pushes = Or((Like("command.text", (0, "push", 0)), Like("command.text", (0, "send", 0))))
    forced = Regex("command.arguments", "^--force", "", ("--force",))
    kind = Like("kind", ("tool_call",))
    condition = And((kind, program, pushes, forced, Not(Like("text", (0, "dry", 0)))))
    wanted = need(skeleton(condition), {"kind": "tool_call"}, ())
    numbers = {key: number for number, key in enumerate(sorted(keys_in(wanted)))}
    holds = formula(wanted, numbers)
    assert holds is not None

    def shown(*texts: str) -> set[int]:
        return {number for key, number in numbers.items() if key.text in texts}

    assert holds(shown("curl", "push", "--force")) and holds(shown("curl", "send", "--force"))
    assert not holds(shown("curl", "--force")) and not holds(shown("push", "--force"))
    assert clause(wanted) == {Key("is", "command.program", "curl")}
    rest = formula(wanted, numbers, clause(wanted))
    assert rest is not None and rest(shown("push", "--force")) and not rest(shown("push"))
    assert need(skeleton(condition), {"kind": "tool_result"}, ()) is False
    assert need(skeleton(condition), {"kind": "tool_call"}, ("command",)) is False
    assert need(skeleton(Not(program)), {}, ("command",)) is True


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_folding_in_bytes_is_folding(text: str) -> None:
    assert fold_bytes(text) == text.casefold().encode("utf-8", "replace")


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(("é", "–", "ſ", "K", "ß", "İ", "A", "✓", "\ud800")), max_size=12))
def test_folding_of_what_has_case_and_what_has_none(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert fold_bytes(text) == text.casefold().encode("utf-8", "replace")


LITERALS = (
    (r"\.(sh|py|js)$", {".sh", ".py", ".js"}),
    (r"(rm|shred) (-\w+ )*x", {"rm ", "shred "}),
    (r"tests? (pass|fail)(ed)?\b", {"test pass", "test fail", "tests pass", "tests fail"}),
    (r"a(bc|bd)e\w", {"abce", "abde"}),
    (r"(git|hg)\s+push", {"push"}),
    (r"\w+(?i:KEY)s?\bfile", {"keyfile", "keysfile"}),
    (r"ab|c", None),
    (r"(^|/)\.(env|netrc)$", {".env", ".netrc"}),
    (r"^/etc/(sudoers(\.d/.*)?|pam\.d/.*)", {"/etc/sudoers", "/etc/pam.d/"}),
    (r"/etc/hosts$|(?i)DRIVERS/hosts$", {"/etc/hosts", "drivers/hosts"}),
    (r"[(?i)]x(?i)yz", None),
    ("[\u200b\u200c\u2066-\u2069]{2,}", set("\u200b\u200c\u2066\u2067\u2068\u2069")),
)


@pytest.mark.parametrize(("pattern", "expected"), LITERALS)
def test_the_literals_of_an_expression(pattern: str, expected: set[str] | None) -> None:
    assert required_literals(pattern) == expected


@settings(derandomize=True, deadline=None)
@given(st.data())
def test_one_of_the_literals_is_in_everything_that_an_expression_matches(
    data: st.DataObject,
) -> None:
    # What Python's engine takes: RE2 alone takes flags further on.
    known = [one for one, expected in LITERALS if expected and not re.search(r".\(\?i\)", one)]
    pattern = data.draw(st.sampled_from(known))
    text = data.draw(st.from_regex(pattern))
    literals = required_literals(pattern)
    assert literals is not None and any(literal in text.casefold() for literal in literals)
