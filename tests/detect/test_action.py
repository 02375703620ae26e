"""The derived view of an event: tool class, texts that run, files and URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roguewatch.detect.action import Action, normal_path
from roguewatch.detect.fields import FIELDS, field
from roguewatch.detect.tools import shell_texts
from tests.build import call, event


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("Bash", {"command": "ls"}, "shell"),
        ("exec_command", {"cmd": "ls"}, "shell"),
        ("run_shell_command", {"command": "ls"}, "shell"),
        ("functions.exec", {"input": "await tools.exec_command({cmd: 'ls'})"}, "shell"),
        ("some_tool", {"command": "ls"}, "shell"),
        ("Read", {"file_path": "a"}, "read"),
        ("str_replace_editor", {"command": "view", "path": "a"}, "read"),
        ("str_replace_editor", {"command": "create", "path": "a", "file_text": ""}, "write"),
        ("str_replace_based_edit_tool", {"command": "insert", "path": "a"}, "edit"),
        ("write_file", {"path": "a", "content": ""}, "write"),
        ("apply_patch", {"input": "*** Begin Patch"}, "edit"),
        ("WebFetch", {"url": "https://a.example"}, "fetch"),
        ("Task", {"prompt": "look"}, "agent"),
        ("mcp__files__write", {"path": "a"}, "mcp"),
        ("send_money", {"recipient": "x"}, "other"),
    ],
)
def test_tools_of_every_agent_fall_into_one_class(tool, arguments, expected):
    assert Action(call(tool, **arguments)).tool_class == expected


def test_an_argument_vector_is_one_quoted_command():
    assert shell_texts("shell", {"command": ["bash", "-lc", "ls 'a b'"]}) == [
        ("bash -lc 'ls '\"'\"'a b'\"'\"''", "bash")
    ]


def test_code_tools_say_their_language():
    assert shell_texts("python", {"code": "print(1)"}) == [("print(1)", "python")]
    assert shell_texts("PowerShell", {"command": "Get-Item x"}) == [("Get-Item x", "powershell")]
    assert shell_texts("exec", {"input": "text(1)"}) == [("text(1)", "javascript")]
    assert shell_texts("str_replace_editor", {"command": "view", "path": "a"}) == []


def test_a_patch_names_its_files_and_its_lines():
    patch = (
        "*** Begin Patch\n*** Update File: tests/test_a.py\n@@\n-    assert a == 1\n"
        "+    pass\n*** Add File: b.py\n+x = 1\n*** End Patch\n"
    )
    action = Action(call("apply_patch", input=patch))
    assert action.written == ("tests/test_a.py", "b.py")
    assert action.content == ("    pass\nx = 1",)
    assert action.removed == ("    assert a == 1",)


def test_a_lone_surrogate_does_not_hide_the_other_arguments():
    hidden = event("tool_call", tool="Bash", arguments='{"command": "ls", "x": "\\ud800"}')
    assert Action(hidden).arguments == {"command": "ls", "x": "\ufffd"}


def test_arguments_that_are_no_object_stand_under_input():
    assert Action(event("tool_call", tool="Bash", arguments="ls -l")).arguments == {
        "input": "ls -l"
    }


def test_deep_nesting_neither_crashes_nor_hides_text():
    deep = "[" * 200 + json.dumps("needle") + "]" * 200
    action = Action(event("tool_call", tool="x", arguments='{"a": ' + deep + "}"))
    assert "needle" in action.strings
    deeper = "[" * 200_000 + json.dumps("needle") + "]" * 200_000
    action = Action(event("tool_call", tool="x", arguments='{"a": ' + deeper + "}"))
    assert any("needle" in text for text in action.strings)


def test_urls_are_found_in_any_argument():
    assert Action(call("x", body="see https://a.example/b?c=1, ok")).urls == (
        "https://a.example/b?c=1,",
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~/.ssh/../.ssh//id_rsa", "~/.ssh/id_rsa"),
        ("C:\\Users\\a\\.aws\\credentials", "C:/Users/a/.aws/credentials"),
        ("./src/./a.py", "src/a.py"),
    ],
)
def test_paths_are_normalised_without_the_disk(path, expected):
    assert normal_path(path) == expected


def test_every_documented_field_answers_on_every_kind_of_event():
    for sample in (call("Read", file_path="a"), event("agent_message", text="x")):
        action = Action(sample)
        for known in FIELDS.values():
            assert isinstance(known.get(action, None), tuple), known.name


def test_every_field_is_documented():
    documented = (Path(__file__).parents[2] / "docs" / "detection.md").read_text()
    for known in FIELDS.values():
        if not known.name.startswith("commands."):
            assert f"| `{known.name}` |" in documented, known.name


def test_the_vocabulary_is_closed_but_for_arguments_and_detail():
    assert field("comand.program") is None
    assert field("arguments.") is None
    nested = field("arguments.todos.status")
    assert nested is not None
    todo = call("TodoWrite", todos=[{"status": "done"}, {"status": "open"}])
    assert nested.get(Action(todo), None) == ("done", "open")
