"""Pictures of pages can be read back, and nothing else is taken for one."""

from __future__ import annotations

import zlib

import pytest

pytest.importorskip("inspect_ai")

from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.evaluate.payloads.shot import drawn, lines_of, png
from roguewatch.evaluate.truth.pictures import text_of

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.lists(PRINTABLE, min_size=1, max_size=30))
def test_drawn_text_is_read_back(lines):
    assert text_of(png(drawn(lines))) == "\n".join(lines)


def test_a_page_is_drawn_without_its_marks_and_cut_to_the_picture():
    assert lines_of("<h1>A &amp; B</h1><p> x </p>") == ["A & B", "x"]
    assert len(lines_of("<br>".join("x" * 200 for _ in range(50)))) == 30


def test_other_pictures_bombs_and_rubbish_are_not_read():
    picture = png(drawn(["hello"]))
    assert text_of(None) is None
    assert text_of(b"") is None
    assert text_of(picture[:100]) is None
    assert text_of(picture.replace(b"IDAT", b"IDAX")) is None
    head, bomb = picture[:33], zlib.compress(b"\0" * (50 << 20))
    assert text_of(head + len(bomb).to_bytes(4, "big") + b"IDAT" + bomb + b"\0" * 4) is not None
    assert text_of(head + (9).to_bytes(4, "big") + b"IDATnonsense!" + b"\0" * 4) is None
