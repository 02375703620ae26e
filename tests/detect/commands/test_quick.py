"""Reading runs of plain words at once gives the tree that reading word by word gives."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.detect.commands.parser import Parser
from roguewatch.detect.commands.reader import TooDeep
from roguewatch.detect.commands.syntax import Script
from tests.build import SHARED
from tests.detect.commands.rewriting import written

SEED = 20261121
PIECES = (
    "git", "status", "-m", "--force", "a=b", "2", "if", "then", "fi", "case", "x", "in", "esac",
    "for", "do", "done", "function", "f", "()", "{", "}", "(", ")", "'a b'", "''", '"c d"', '""',
    '"$x"', "$x", "${x}", "$(ls)", "`ls`", "\\\n", "\\", "#", "2>&1", ">f", "<", "<<EOF\nx\nEOF\n",
    "&", "&&", "&>f", "|", "||", ";", ";;", "\n", "\t", "\r", " ", " ", " ", "é", "[[", "]]", "!",
    "time", "a{1,2}b", "*.py", "~/x", "=", "+=", "$'x'", "'", '"',
)  # fmt: skip


def tree(text: str, quick: bool) -> tuple[Script, bool] | None:
    parser = Parser(text, quick=quick)
    try:
        return parser.parse(), parser.sound
    except TooDeep:
        return None


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=24))
def test_on_generated_scripts(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert tree(text, True) == tree(text, False)


def test_on_disguised_commands_and_their_mutations() -> None:
    rnd = random.Random(SEED)
    for rewrite in written():
        for text in rewrite.calls:
            at = rnd.randrange(len(text) + 1)
            for one in (text, text[:at] + rnd.choice(PIECES) + text[at:], text[:at]):
                assert tree(one, True) == tree(one, False), f"seed {SEED}"


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real transcripts on this machine")
def test_on_commands_of_real_transcripts() -> None:
    from roguewatch.detect.action import Action
    from roguewatch.sources import reading

    folders = [SHARED / name for name in ("claude-code", "codex", "swe-agent")]
    found = [
        text
        for one in reading.read(folders)
        for event in one.events()
        if event.kind == "tool_call"
        for text, language in Action(event).scripts
        if language == "bash"
    ]
    assert found and [text for text in found if tree(text, True) != tree(text, False)] == []
