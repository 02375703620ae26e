"""The vocabulary of rules: every field of the `ai-agent` logsource.

A rule is judged once per command of a call, as a Sigma process rule is judged once per
process: every `command.*` field of the whole condition, filters included, speaks of one
and the same command. `program: git` with `arguments: --force` can therefore not be put
together from two commands, and a harmless second command cannot satisfy a rule's
`not filter`. Where a rule must look across the commands of a call it uses `commands.*`.
An event without commands is judged once, with every `command.*` field absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from roguewatch.detect.action import Action, clean
from roguewatch.detect.commands.command import Command

Value = str | int | float | bool
Values = tuple[Value, ...]
"""What a field holds in one event; empty where the event does not have it."""

Getter = Callable[[Action, Command | None], Values]


class Field(NamedTuple):
    """One field that a rule may use."""

    name: str
    holds: Literal["text", "number", "boolean"]
    many: bool
    """Whether it may hold several values; an item holds when one of them matches."""
    per_command: bool
    get: Getter
    doc: str


def _texts(values: Iterable[str]) -> Values:
    return tuple([value if value.isascii() else clean(value) for value in values])


def _one(value: str) -> Values:
    return (clean(value),) if value else ()


def _number(value: int | float | None) -> Values:
    return () if value is None else (value,)


def _event(name: str, doc: str) -> Field:
    def get(action: Action, command: Command | None) -> Values:
        return _one(getattr(action.event, name))

    return Field(name, "text", False, False, get, doc)


def _usage(action: Action, command: Command | None) -> Values:
    return () if action.event.usage is None else (action.event.usage.total,)


def _exit(action: Action, command: Command | None) -> Values:
    return _number(action.event.exit_status)


def _failed(action: Action, command: Command | None) -> Values:
    return _number(action.event.failed)


def _derived(name: str, doc: str) -> Field:
    def get(action: Action, command: Command | None) -> Values:
        return _texts(getattr(action, name))

    return Field(name, "text", True, False, get, doc)


# name, holds, many, what it is
_COMMAND: tuple[tuple[str, Literal["text", "number", "boolean"], bool, str], ...] = (
    ("program", "text", False, "Base name of the program: `curl`, `git`."),
    ("arguments", "text", True, "The words after the program, one value each, unquoted."),
    ("text", "text", False, "Program and arguments joined by single spaces."),
    ("paths", "text", True, "Files it names, home directory as `~`."),
    ("written", "text", True, "Files it writes, creates, deletes or changes the mode of."),
    ("urls", "text", True, "URLs, `host:port` and `user@host:path` of network programs."),
    ("decoded", "text", True, "Texts that had to be decoded to see it (base64, hex, printf)."),
    ("background", "boolean", False, "Whether it goes on after the shell."),
    ("redirects", "text", True, "Operator and target: `>>~/.bashrc`, `2>/dev/null`."),
    ("via", "text", True, "Wrappers it was found in: `sudo`, `bash -c`, `xargs`, `python -c`."),
    ("assignments", "text", True, "`NAME=value` before the program or given to env and export."),
    ("piped_from", "text", True, "Programs before it in its pipeline."),
    ("pipeline", "number", False, "Its position in the pipeline, from 0."),
    ("wrote", "text", False, "What it writes into its files, where that is known."),
    ("certain", "boolean", False, "False where a word depends on what is not in the text."),
)


def _values(command: Command, name: str) -> Values:
    value: Any = getattr(command, name)
    if isinstance(value, tuple):
        return _texts(value)
    if isinstance(value, str):
        return _one(value)
    return (value,)


def _of_command(
    name: str, holds: Literal["text", "number", "boolean"], many: bool, doc: str
) -> Field:
    def get(action: Action, command: Command | None) -> Values:
        return () if command is None else _values(command, name)

    return Field(f"command.{name}", holds, many, True, get, doc)


def _of_commands(name: str, holds: Literal["text", "number", "boolean"], doc: str) -> Field:
    def get(action: Action, command: Command | None) -> Values:
        return tuple(value for one in action.commands for value in _values(one, name))

    return Field(f"commands.{name}", holds, True, False, get, f"Of all commands: {doc}")


def _field_list() -> list[Field]:
    text: Getter = lambda action, command: (action.text,) if action.text else ()  # noqa: E731
    arguments: Getter = lambda action, command: _texts(action.strings)  # noqa: E731
    tool_class: Getter = lambda action, command: _one(action.tool_class)  # noqa: E731
    listed = [
        _event("kind", "What the event is: tool_call, tool_result, agent_message, …"),
        _event("surface", "What the agent runs on: claude-code, codex, inspect, …"),
        _event("sighting", "Which observer saw it: transcript, hook, mcp-relay, …"),
        _event("session", "The session's id."),
        _event("agent", "`main`, or a subagent's id."),
        _event("parent_agent", "Who started the subagent."),
        _event("author", "Who wrote a message: human, harness, agent, tool, task."),
        _event("tool", "The tool's name as the source spells it."),
        _event("permission_mode", "Permission mode in force, in the source's words."),
        _event("model", "The model's name."),
        _event("cwd", "Working directory."),
        Field("text", "text", False, False, text, "Message, reasoning, output, gap reason."),
        Field("exit_status", "number", False, False, _exit, "Exit status of a command."),
        Field("failed", "boolean", False, False, _failed, "Whether the tool reported failure."),
        Field("usage.total", "number", False, False, _usage, "Tokens of a model response."),
        Field(
            "tool.class", "text", False, False, tool_class,
            "shell, read, write, edit, fetch, search, agent, mcp or other (calls and results).",
        ),
        Field("arguments", "text", True, False, arguments, "Every string among the arguments."),
        _derived("paths", "Files that the event names, normalised."),
        _derived("written", "Files that the event writes, creates, deletes or changes."),
        _derived("urls", "URLs in the arguments and commands."),
        _derived("content", "Texts that the call writes into files, also by patches and commands."),
        _derived("removed", "Texts that the call takes out of files (also from patches)."),
    ]  # fmt: skip
    listed += [_of_command(*row) for row in _COMMAND]
    listed += [_of_commands(name, holds, doc) for name, holds, _, doc in _COMMAND]
    return listed


FIELDS: dict[str, Field] = {field.name: field for field in _field_list()}

PREFIXES = {
    "arguments.": "One argument of a call by name: `arguments.command`, `arguments.a.b`.",
    "detail.": "One value of the event's detail by name: `detail.decision`, `detail.by`.",
}


def _inside(source: str, path: tuple[str, ...]) -> Getter:
    def get(action: Action, command: Command | None) -> Values:
        found: list[Any] = [getattr(action, source)]
        for name in path:
            inner = [value.get(name) for value in found if isinstance(value, dict)]
            found = [
                one for value in inner for one in (value if isinstance(value, list) else [value])
            ]
        return tuple(
            clean(value) if isinstance(value, str) else value
            for value in found
            if isinstance(value, str | int | float)
        )

    return get


def field(name: str) -> Field | None:
    """The field of that name, or None: the vocabulary is closed."""
    known = FIELDS.get(name)
    if known is not None:
        return known
    for prefix, doc in PREFIXES.items():
        path = tuple(name.removeprefix(prefix).split("."))
        if name.startswith(prefix) and all(path):
            return Field(name, "text", True, False, _inside(prefix[:-1], path), doc)
    return None
