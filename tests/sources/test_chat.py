"""Chat-completion conversations in the shapes that files have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roguewatch.events import Event
from roguewatch.sources import chat
from roguewatch.sources.source import Counts, Document
from tests.build import SHARED


def call(name: str, arguments: Any, id: str = "c1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def talk(**metadata: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Serve."},
            {"role": "user", "content": "Pay the bill."},
            {"role": "assistant", "content": None, "tool_calls": [call("read", {"path": "bill"})]},
            {"role": "tool", "content": "98.70", "tool_call_id": "c1"},
            {"role": "assistant", "content": "Paid."},
        ],
        "metadata": metadata,
    }


def read(path: Path) -> tuple[list[Event], Counts]:
    document = Document(path)
    assert chat.source.recognise(document.head())
    return list(chat.source.read(document)), document.counts


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


KINDS = [
    "session_start",
    "system_message",
    "user_message",
    "tool_call",
    "tool_result",
    "agent_message",
]


def test_lines_with_a_header_are_conversations_with_their_labels_in_the_start_only(
    tmp_path: Path,
) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"metadata": {"benchmark": "b", "name": "m"}},
        talk(task="one", security=True),
        talk(task="two", security=False),
    )
    events, counts = read(path)
    assert [event.kind for event in events] == KINDS * 2
    assert len({event.session for event in events}) == 2
    starts = [event.parsed_detail() for event in events if event.kind == "session_start"]
    assert [(each["record"], each["metadata"]["security"]) for each in starts] == [
        (1, True),
        (2, False),
    ]
    assert all("security" not in e.detail for e in events if e.kind != "session_start")
    assert counts.lines == 3 and counts.orphan_call == 0
    assert starts[0]["header"]["metadata"]["benchmark"] == "b"


@pytest.mark.parametrize(
    "shape", ["lines", "array", "object", "array of messages", "message lines", "traj"]
)
def test_every_file_shape_tells_the_same_conversation(tmp_path: Path, shape: str) -> None:
    one, path = talk(), tmp_path / "file"
    messages = one["messages"]
    if shape == "message lines":
        lines(path, *messages)
    else:
        value: Any = {
            "lines": one,
            "array": [one],
            "object": one,
            "array of messages": messages,
            "traj": [{"task_id": 0, "trial": 1, "reward": 0.5, "traj": messages}],
        }[shape]
        path.write_text(json.dumps(value, indent=None if shape == "lines" else 2))
    events, _ = read(path)
    assert [event.kind for event in events] == KINDS
    told = next(event for event in events if event.kind == "tool_call")
    assert (told.tool, told.call_id, told.parsed_arguments()) == ("read", "c1", {"path": "bill"})
    data = path.read_bytes()
    for event in events[1:]:
        assert event.part or data[event.origin.offset :].startswith(event.raw)


@pytest.mark.parametrize(
    "shape", ["arrays in lines", "arrays in an array", "objects in a row", "arrays in a row"]
)
def test_several_conversations_in_one_file_are_all_told(tmp_path: Path, shape: str) -> None:
    talks = [talk()["messages"] for _ in range(3)]
    for number, messages in enumerate(talks):
        messages[1]["content"] = f"Pay bill {number}."
    path = tmp_path / "file"
    if shape == "arrays in lines":
        lines(path, *talks)
    elif shape == "arrays in an array":
        path.write_text(json.dumps(talks))
    else:
        values = talks if shape.startswith("arrays") else [{"messages": each} for each in talks]
        path.write_text("\n".join(json.dumps(each, indent=2) for each in values))
    events, counts = read(path)
    assert [event.kind for event in events] == KINDS * 3
    assert len({event.session for event in events}) == 3
    assert not counts.malformed and not counts.truncated_tail
    data = path.read_bytes()
    for event in events:
        assert event.part or not event.raw or data[event.origin.offset :].startswith(event.raw)


def test_what_follows_the_value_of_a_file_and_is_none_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(json.dumps(talk(), indent=2) + "\nand then some")
    events, counts = read(path)
    assert [event.kind for event in events] == [*KINDS, "gap"]
    assert counts.malformed == 1


def test_several_lines_of_headers_describe_what_follows(tmp_path: Path) -> None:
    headers = [{"suite": "s"}, {"run": 7}, *({"note": n} for n in range(6)), {"model": "m-1"}]
    events, _ = read(lines(tmp_path / "a.jsonl", *headers, *talk()["messages"]))
    assert [event.kind for event in events] == KINDS
    header = events[0].parsed_detail()["header"]
    assert (header["suite"], header["run"], events[0].model) == ("s", 7, "m-1")


def test_an_answer_whose_id_its_call_lacks_joins_by_tool_and_order(tmp_path: Path) -> None:
    def part(**fields: Any) -> dict[str, Any]:
        return {"role": "user" if "functionResponse" in fields else "model", "parts": [fields]}

    said = [
        {"role": "user", "parts": [{"text": "list"}]},
        part(functionCall={"name": "ls", "args": {}}),
        part(functionResponse={"id": "call-9", "name": "ls", "response": {"output": "a"}}),
    ]
    events, counts = read(lines(tmp_path / "a.json", said))
    called, answered = (e for e in events if e.kind in ("tool_call", "tool_result"))
    assert (answered.call_id, counts.orphan_call) == (called.call_id, 0)


def test_calls_without_ids_join_their_results_by_tool_and_order(tmp_path: Path) -> None:
    given = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"function": "a", "args": {"x": 1}, "id": ""},
                {"function": "b", "args": {}},
            ],
        },
        {
            "role": "tool",
            "content": "B",
            "tool_call_id": None,
            "tool_call": {"function": "b", "args": {}},
        },
        {
            "role": "tool",
            "content": "A",
            "tool_call_id": None,
            "tool_call": {"function": "a", "args": {}},
        },
    ]
    path = lines(tmp_path / "a.jsonl", {"messages": given})
    events, counts = read(path)
    results = {event.text: event.call_id for event in events if event.kind == "tool_result"}
    calls = {event.tool: event.call_id for event in events if event.kind == "tool_call"}
    assert results == {"A": calls["a"], "B": calls["b"]} and counts.orphan_call == 0


def test_anthropic_blocks_legacy_functions_and_sharegpt_are_understood(tmp_path: Path) -> None:
    blocks = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "go"}, {"type": "image", "source": {}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "no"}],
                }
            ],
        },
    ]
    legacy = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "f", "arguments": "not json"},
        },
        {"role": "function", "name": "f", "content": "ok"},
    ]
    sharegpt = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    path = lines(
        tmp_path / "a.jsonl",
        {"messages": blocks},
        {"messages": legacy},
        {"conversations": sharegpt},
    )
    events, counts = read(path)
    failed = next(event for event in events if event.kind == "tool_result")
    assert (failed.text, failed.failed, failed.call_id) == ("no", True, "t1")
    f = next(event for event in events if event.tool == "f")
    assert f.parsed_arguments() == {"input": "not json"}
    assert [e.text for e in events if e.kind == "reasoning"] == ["hm"]
    assert [e.text for e in events][-2:] == ["hi", "hello"]
    assert counts.orphan_call == counts.unknown_type == counts.malformed == 0


def test_a_longer_snapshot_adds_only_what_is_new_and_a_copy_nothing(tmp_path: Path) -> None:
    whole = talk(task="one")
    short = whole | {"messages": whole["messages"][:4]}
    before, _ = read(lines(tmp_path / "short.jsonl", short))
    after, _ = read(lines(tmp_path / "long.jsonl", whole))
    assert {e.id for e in before} <= {e.id for e in after}
    assert [e.text for e in after if e.id not in {b.id for b in before}] == ["Paid."]
    (tmp_path / "pretty.json").write_text(json.dumps(whole, indent=4))
    pretty, _ = read(tmp_path / "pretty.json")
    assert {e.id for e in pretty} == {e.id for e in after}


def test_two_runs_of_one_task_are_two_sessions_and_the_same_run_twice_is_counted(
    tmp_path: Path,
) -> None:
    events, counts = read(lines(tmp_path / "a.jsonl", talk(trial=0), talk(trial=1), talk(trial=0)))
    assert len({event.session for event in events}) == 2
    assert counts.duplicate == 1


def test_broken_and_cut_lines_are_gaps_and_the_rest_is_read(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", talk(n="1"))
    path.write_bytes(
        path.read_bytes()
        + b"{broken}\n"
        + json.dumps(talk(n="2")).encode()
        + b'\n{"messages": [{"ro'
    )
    events, counts = read(path)
    assert (counts.malformed, counts.truncated_tail) == (1, 1)
    assert [e.parsed_detail()["code"] for e in events if e.kind == "gap"] == [
        "malformed",
        "truncated_tail",
    ]
    assert sum(event.kind == "agent_message" for event in events) == 2


def test_orphans_unknown_roles_and_unknown_content_are_counted(tmp_path: Path) -> None:
    given = [
        {"role": "user", "content": "go", "colour": "red"},
        {"role": "assistant", "content": None, "tool_calls": [call("f", "{}")]},
        {"role": "oracle", "content": "?"},
        {"role": "tool", "content": "x", "tool_call_id": "none"},
        {"role": "user", "content": [{"type": "hologram"}]},
    ]
    events, counts = read(lines(tmp_path / "a.jsonl", {"messages": given}))
    assert counts.orphan_call == 2 and counts.unknown_type == 2 and counts.unknown_field == 1
    assert sum(event.kind == "gap" for event in events) == 4


@pytest.mark.parametrize(
    "head",
    [
        b'{"type":"user","message":{"role":"user","content":"x"},"sessionId":"s"}\n',
        b'{"trajectory":[{"action":"a"}],"messages":[{"role":"user","content":"x"}]}',
        b'{"type":"response_item","payload":{"type":"message","role":"user","content":[]}}',
        b"",
        b"\x00\x01\x02",
        b"[1,2,3]",
        b"{",
    ],
)
def test_other_formats_are_left_alone(head: bytes) -> None:
    assert not chat.source.recognise(head)


@pytest.mark.parametrize("folder", ["agentdojo", "openai-chat"])
def test_published_files_are_read_without_loss(folder: str) -> None:
    for path in sorted((SHARED / folder).glob("*.json*")):
        events, counts = read(path)
        text = path.read_text()
        records = (
            json.loads(text) if text[0] == "[" else [json.loads(each) for each in text.splitlines()]
        )
        held = [each.get("messages") or each.get("traj") for each in records]
        talks = [each for each in held if each]
        assert len({event.session for event in events}) == len(talks)
        results = sum(m["role"] == "tool" for each in talks for m in each)
        calls = sum(len(m.get("tool_calls") or ()) for each in talks for m in each)
        assert sum(e.kind == "tool_result" for e in events) == results
        assert sum(e.kind == "tool_call" for e in events) == calls
        assert len({event.id for event in events}) == len(events)
        assert counts.malformed == counts.unknown_type == counts.unknown_field == 0
