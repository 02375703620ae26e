"""Bad input and drift: formats.md section 9, and JSON that strict decoders refuse."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from roguewatch.events import Event
from roguewatch.sources.lines import lines
from roguewatch.sources.source import Document
from roguewatch.sources.times import time_of
from tests.fuzz.seeds import seeds
from tests.sources.lines_of import answer, claude, codex, events, meta, of_kind, reading, use, write


def _line(text: str = "MARK") -> bytes:
    return json.dumps(claude("user", text)).encode()


SEEDS = [
    (name, number, data)
    for name, files in seeds().items()
    for number, data in enumerate(files)
    if name != "inspect" and data[:1] in b"{["
]
"""A small file of every form of every format that is JSON."""


def _is_whole(raw: bytes) -> bool:
    """Whether it is one JSON value, or one a line (pieces of one message)."""
    try:
        json.loads(raw)
    except ValueError:
        return len(lines := raw.split(b"\n")) > 1 and all(map(_is_whole, lines))
    return True


def _message(path: Path) -> Event:
    (message,) = of_kind("user_message", events(path))
    return message


def test_the_source_bytes_of_each_line_are_kept(tmp_path: Path) -> None:
    records = [_line("a"), b'{"type": "nonsense",  "n": 1.10}', b"not json"]
    told = events(write(tmp_path / "s", records))
    assert [e.raw for e in told if e.raw] == records
    data = (tmp_path / "s").read_bytes()
    for event in told:
        if event.raw:
            assert data[event.origin.offset :].startswith(event.raw)


@pytest.mark.parametrize(("source", "number", "data"), SEEDS, ids=lambda value: str(value)[:12])
def test_in_every_format_the_bytes_of_a_record_are_those_at_its_place(
    tmp_path: Path, source: str, number: int, data: bytes
) -> None:
    (tmp_path / "file").write_bytes(data)
    found, told = reading(tmp_path / "file")
    assert (found.source, found.error) == (source, "")
    kept = [event for event in told if event.raw]
    assert kept
    for event in kept:
        assert data[event.origin.offset :].startswith(event.raw), event.kind
        assert _is_whole(event.raw), event.kind
    said = b"".join(event.raw for event in kept)
    assert len(said) > len(data) // 3, "most of the file is kept"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"\\ud800 x", "� x"),
        (b"\xff\xfe x", "?? x"),
        (b"a\x01b", "a b"),
        (b"nul \\u0000 x", "nul \x00 x"),
        (b"\\ud83d\\ude00", "😀"),
    ],
)
def test_text_that_is_no_unicode_is_read(tmp_path: Path, written: bytes, text: str) -> None:
    path = write(tmp_path / "s", [_line("first"), _line().replace(b"MARK", written)])
    assert of_kind("user_message", events(path))[1].text == text


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "9" * 400, '{"a":' * 50 + "1" + "}" * 50]
)
def test_strange_numbers_and_depths_in_arguments_do_no_harm(tmp_path: Path, value: str) -> None:
    line = json.dumps(claude("assistant", use("Bash", "c1", n="MARK"))).replace('"MARK"', value)
    told = events(write(tmp_path / "s", [_line(), line]))
    assert len(of_kind("tool_call", told)) == 1


def test_absurd_token_counts_are_not_counted(tmp_path: Path) -> None:
    line = json.dumps(claude("assistant", [])).replace(
        '"output_tokens": 7', f'"output_tokens": {9**99}'
    )
    told = events(write(tmp_path / "s", [line]))
    assert sum(e.usage.output for e in told if e.usage) == 0


def test_of_duplicate_keys_the_last_holds_as_for_the_agent_itself(tmp_path: Path) -> None:
    line = _line().replace(b'"content": "MARK"', b'"content": "shown", "content": "used"')
    assert _message(write(tmp_path / "s", [line])).text == "used"


def test_a_line_nested_too_deeply_is_a_gap(tmp_path: Path) -> None:
    line = b'{"type":"user","message":' + b"[" * 200_000
    found, told = reading(write(tmp_path / "s", [_line(), line, _line("after")]))
    assert found.counts.malformed == 1
    assert [e.text for e in of_kind("user_message", told)] == ["MARK", "after"]


def test_line_ends_and_byte_order_marks_do_not_change_the_events(tmp_path: Path) -> None:
    records = [_line("a"), _line("b")]
    (tmp_path / "unix").write_bytes(b"\n".join(records) + b"\n")
    (tmp_path / "dos").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(records) + b"\r\n\r\n")
    one, two = events(tmp_path / "unix"), events(tmp_path / "dos")
    assert [e.id for e in one] == [e.id for e in two]
    assert two[0].origin.offset == 3


def test_a_torn_last_line_is_a_truncated_tail_and_a_whole_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "torn").write_bytes(_line("a") + b"\n" + _line("b")[:-9])
    (tmp_path / "whole").write_bytes(_line("a") + b"\n" + _line("b"))
    found, told = reading(tmp_path / "torn")
    assert (found.counts.truncated_tail, found.counts.malformed) == (1, 0)
    assert of_kind("gap", told)[0].parsed_detail()["code"] == "truncated_tail"
    found, told = reading(tmp_path / "whole")
    assert found.counts.truncated_tail == 0 and len(of_kind("user_message", told)) == 2


def test_malformed_lines_are_gaps_in_their_place(tmp_path: Path) -> None:
    bad = [b"garbage", b"[1,2]", b'"text"', b"\x00" * 64, b"{}"]
    found, told = reading(write(tmp_path / "s", [_line("a"), *bad, _line("b")]))
    assert found.counts.malformed == 4 and found.counts.unknown_type == 1
    assert [e.kind for e in told][-6:] == ["gap"] * 5 + ["user_message"]
    assert len({e.id for e in told}) == len(told)


def test_a_file_that_grows_is_read_as_far_as_it_reached_at_the_start(tmp_path: Path) -> None:
    path = write(tmp_path / "s", [_line("a"), _line("b")])
    reader = lines(Document(path))
    first = next(reader)
    with path.open("ab") as stream:
        stream.write(_line("later") + b"\n")
    assert [first.data, *(line.data for line in reader)] == path.read_bytes().split(b"\n")[:2]


def test_a_line_longer_than_the_limit_is_passed_over_and_the_rest_read(tmp_path: Path) -> None:
    path = write(tmp_path / "s", [b"x" * 10, b"y" * 5000, b"z" * 10])
    found = list(lines(Document(path), longest=100))
    assert [(line.data[:1], line.skipped) for line in found] == [(b"x", 0), (b"", 5001), (b"z", 0)]
    assert found[2].offset == 11 + 5001


def test_a_line_of_200_megabytes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s"
    before, after = _line("MARK").split(b"MARK")
    with path.open("wb") as stream:
        stream.write(_line("a") + b"\n" + before)
        for _ in range(200):
            stream.write(b"0" * (1 << 20))
        stream.write(after + b"\n" + _line("b") + b"\n")
    told = of_kind("user_message", events(path))
    assert [len(e.text) for e in told] == [1, 200 << 20, 1]


@pytest.mark.parametrize("space", [" {}", "{} ", "\t{}\n"])
def test_calls_and_results_join_without_the_space_around_their_ids(
    tmp_path: Path, space: str
) -> None:
    ids = "c1", space.format("c1")
    for call_id, answer_id in (ids, ids[::-1]):
        one = [
            claude("assistant", use("Bash", call_id, command="ls")),
            claude("user", answer(answer_id, "a")),
        ]
        two = [
            meta(),
            codex("function_call", name="f", arguments="{}", call_id=call_id),
            codex("function_call_output", call_id=answer_id, output="a"),
        ]
        for records in (one, two):
            found, told = reading(write(tmp_path / "s", records))
            assert found.counts.orphan_call == 0
            assert {e.call_id for e in told if e.kind.startswith("tool_")} == {"c1"}


def test_a_time_without_a_zone_is_utc_wherever_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        told = time_of("2026-03-01T10:00:00.5"), time_of("2026-03-01T10:00:00.5+00:00")
    time.tzset()
    assert told == (1772359200_500_000_000,) * 2


def test_reading_again_or_under_another_name_gives_the_same_ids(tmp_path: Path) -> None:
    records = [
        _line("a"),
        b"broken",
        claude("odd"),
        {"type": "summary", "summary": "s", "leafUuid": "u"},
    ]
    first = write(tmp_path / "a.jsonl", records)
    second = write(tmp_path / "other name.txt", records)
    assert [e.id for e in events(first)] == [e.id for e in events(second)]


@pytest.mark.parametrize("make", [meta, lambda: claude("user", "x")])
def test_events_hold_no_lone_surrogates(tmp_path: Path, make: object) -> None:
    line = json.dumps(make()).replace("project", "\\udfff")  # type: ignore[operator]
    for event in events(write(tmp_path / "s", [line])):
        (event.text + event.cwd + event.session + event.tool).encode()
