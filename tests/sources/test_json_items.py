"""Splitting JSON documents into their items, and repairing what decoders refuse."""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.sources.json_items import items, values
from roguewatch.sources.repair import decode_any, repaired

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(_JSON, max_size=5), st.sampled_from([None, 2]))
def test_the_items_of_an_array_are_its_elements_and_their_bytes(
    value: list[Any], indent: int | None
) -> None:
    document = json.dumps(value, indent=indent).encode()
    found = list(items(BytesIO(document), ()))
    assert [json.loads(item.data or b"") for item in found] == value
    for item in found:
        assert item.data is not None
        assert document[item.offset : item.offset + len(item.data)] == item.data
        assert item.complete


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=4), _JSON, max_size=4), st.lists(_JSON, max_size=4))
def test_an_object_gives_its_values_whole_and_the_named_array_item_by_item(
    value: dict[str, Any], wanted: list[Any]
) -> None:
    value["wanted"] = wanted
    found = list(items(BytesIO(json.dumps(value).encode()), ("wanted",)))
    assert [json.loads(i.data or b"") for i in found if i.key == "wanted"] == wanted
    assert {i.key: json.loads(i.data or b"") for i in found if i.key != "wanted"} == {
        key: each for key, each in value.items() if key != "wanted"
    }


def test_an_item_larger_than_the_limit_is_passed_over_without_its_bytes() -> None:
    document = json.dumps([1, "x" * 5_000_000, {"a": 2}]).encode()
    found = list(items(BytesIO(document), (), limit=1_000_000))
    assert [item.data for item in found] == [b"1", None, b'{"a": 2}']


def test_the_item_that_the_end_cuts_off_is_not_complete() -> None:
    found = list(items(BytesIO(b'[{"a":1},{"b":"x'), ()))
    assert [(item.data, item.complete) for item in found] == [
        (b'{"a":1}', True),
        (b'{"b":"x', False),
    ]


@pytest.mark.parametrize(
    ("value", "space", "more"),
    [(b"[1]", b" ", b"x"), (b'{"a":1}', b"\n", b'{"a":2}'), (b"[1]", b" " * (3 << 20), b"]")],
)
def test_what_follows_the_value_is_told_with_its_place(
    value: bytes, space: bytes, more: bytes
) -> None:
    first, beyond = items(BytesIO(value + space + more), ())
    assert first.complete and beyond.beyond and not beyond.complete
    assert beyond.offset == len(value + space)
    assert len(list(items(BytesIO(value + space + b"\x00"), ()))) == 1


def test_texts_one_after_another_are_told_apart() -> None:
    found = [item.data for item in values(BytesIO(b'{"a":"}"}\n{\n "b": [1]\n}[2]'))]
    assert found == [b'{"a":"}"}', b'{\n "b": [1]\n}', b"[2]"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": NaN, "b": -Infinity}', {"a": "N", "b": "-Infin"}),
        (b'["\\ud800", "\\ud83d\\ude00"]', ["\ufffd", "\U0001f600"]),
        (b'["\xff", "NaN \x01"]', ["?", "NaN  "]),
    ],
)
def test_what_strict_decoders_refuse_is_repaired_in_place(text: bytes, value: Any) -> None:
    assert decode_any(text) == value
    assert len(repaired(text)) == len(text)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.binary(max_size=60) | st.text(alphabet='"\\u{}[]NaInfityd8:,', max_size=60).map(str.encode)
)
def test_repair_keeps_the_length_and_never_fails(data: bytes) -> None:
    assert len(repaired(data)) == len(data)
    with suppress(msgspec.DecodeError):
        decode_any(data)
    list(items(BytesIO(data), ("a",)))
    list(values(BytesIO(data)))


def test_nesting_beyond_all_bounds_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_any(b"[" * 100_000)
